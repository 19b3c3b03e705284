//! What operations say of their answers: rows, caps, subject.

use std::sync::Arc;

use miette::Result;
use proxy::governance::{AnswerRules, Restoring, RowRule};
use redaction::shape::{Path, Unbound};
use serde_saphyr::Spanned;

use super::{file, resolve::Resolver};

impl Resolver<'_> {
    pub(super) fn answers(
        &self,
        rows: &[file::Rows],
        (records_max, fields_max): (Option<u64>, Option<u64>),
        subject: Option<&str>,
    ) -> Result<AnswerRules> {
        let rows = rows.iter().map(|rows| self.rows(rows));
        Ok(AnswerRules {
            rows: rows.collect::<Result<_>>()?,
            twin: None,
            records_max,
            fields_max,
            subject: subject.map(Arc::from),
            records: None,
            mediated: Arc::default(),
        })
    }

    fn rows(&self, rows: &file::Rows) -> Result<RowRule> {
        let reads = match &rows.reads {
            Some(reads) if !reads.value.contains("{}") => {
                let message = format!("`{}` reads alike for everybody", reads.value);
                let help = "put `{}` where the scope's value stands: `Patient/{}`";
                return Err(self.fault(reads, message, help));
            }
            Some(reads) => reads.value.as_str(),
            None => "{}",
        };
        Ok(RowRule {
            array: self.path(&rows.array)?,
            member: self.path(&rows.member)?,
            scope: rows.scope.as_str().into(),
            reads: reads.into(),
            unbound: match rows.unbound {
                file::Unbound::Drop => Unbound::Drop,
                file::Unbound::Pass => Unbound::Pass,
            },
        })
    }

    pub(super) fn path(&self, typed: &Spanned<String>) -> Result<Path> {
        Path::parse(&typed.value).map_err(|error| {
            let help = "begin at the document for `array`, at an element of it for `member`";
            self.fault(typed, error.to_string(), help)
        })
    }
}

pub(super) fn restoring(typed: file::Restore) -> Restoring {
    match typed {
        file::Restore::Responses => Restoring::Responses,
        file::Restore::Requests => Restoring::Requests,
        file::Restore::Both => Restoring::Both,
    }
}
