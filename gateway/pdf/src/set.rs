//! Sets a report by the template, which reads it as data: no text of a record is ever read as markup.

use anyhow::{Context as _, Result, anyhow};
use typst::{
    Library, LibraryExt as _, World,
    diag::{FileError, FileResult, SourceDiagnostic},
    foundations::{Bytes, Datetime, Duration, Smart},
    syntax::{FileId, Source},
    text::{Font, FontBook},
    utils::LazyHash,
};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::{legible, shown::Report};

const TEMPLATE: &str = include_str!("report.typ");
/// What the template reads.
const DATA: &str = "report.json";

/// The report as PDF; the same report gives the same bytes.
pub(crate) fn pdf(report: &Report) -> Result<Vec<u8>> {
    let fonts = fonts();
    let mut shown = serde_json::to_value(report.shown())?;
    legible::make(&mut shown, &fonts);
    let desk = Desk::new(fonts, serde_json::to_vec(&shown)?);
    let set = typst::compile::<PagedDocument>(&desk);
    let document = set.output.map_err(|all| told(&all))?;
    let standards = PdfStandards::new(&[PdfStandard::A_2a, PdfStandard::Ua_1]);
    let options = PdfOptions {
        ident: Smart::Auto,
        creator: Smart::Custom(Some("Tidegate".to_owned())),
        timestamp: None,
        standards: standards.map_err(|error| anyhow!("{}", error.message()))?,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&document, &options)
        .map_err(|all| told(&all))
        .context("the pages cannot be written as PDF/A")
}

fn told(all: &[SourceDiagnostic]) -> anyhow::Error {
    let all: Vec<&str> = all.iter().map(|one| one.message.as_str()).collect();
    anyhow!("{}", all.join("; "))
}

/// All that there is to set with: the template, the report, and the fonts that the program holds. No file, no network,
/// no clock.
struct Desk {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    template: Source,
    data: Bytes,
}

/// Those that the program holds.
fn fonts() -> Vec<Font> {
    let files = typst_assets::fonts();
    files
        .flat_map(|file| Font::iter(Bytes::new(file)))
        .collect()
}

impl Desk {
    fn new(fonts: Vec<Font>, data: Vec<u8>) -> Self {
        Self {
            library: LazyHash::new(Library::default()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            template: Source::detached(TEMPLATE),
            data: Bytes::new(data),
        }
    }
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    fn main(&self) -> FileId {
        self.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.template.id() {
            Ok(self.template.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id.vpath().get_without_slash() == DATA {
            Ok(self.data.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}
