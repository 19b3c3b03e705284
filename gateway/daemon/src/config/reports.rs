//! Reports that are made by themselves.

use std::sync::Arc;

use jiff::tz::TimeZone;
use miette::Result;
use reports::{Form, Kind};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{buckets::BucketPlace, resolve::Resolver};
use crate::schedules::{Every, Outlet, Schedule};

/// A report that is made when its time is over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scheduled {
    /// Which: `agents`, `breach`, ...
    report: Spanned<String>,
    /// What each is about: the last day, week or month.
    every: Every,
    /// By whose calendar; UTC if absent.
    timezone: Option<Spanned<String>>,
    /// In which forms; HTML if absent.
    output: Option<Vec<Spanned<String>>>,
    /// The folder that they are put in, or `s3://BUCKET/PREFIX`.
    to: Spanned<String>,
    /// For how many days they are locked, in a bucket.
    retain_days: Option<Spanned<u32>>,
}

impl Resolver<'_> {
    pub(super) fn schedules(
        &self,
        typed: &[Scheduled],
        buckets: &[Arc<BucketPlace>],
    ) -> Result<Vec<Schedule>> {
        let mut schedules: Vec<Schedule> = Vec::new();
        for typed in typed {
            let schedule = self.schedule(typed, buckets)?;
            let is_same = |other: &Schedule| {
                (other.kind, other.every) == (schedule.kind, schedule.every)
                    && other.to.is_same(&schedule.to)
            };
            if schedules.iter().any(is_same) {
                let message = "two schedules would write the same files";
                let help = "put one of them elsewhere";
                return Err(self.fault(&typed.report, message, help));
            }
            schedules.push(schedule);
        }
        Ok(schedules)
    }

    fn schedule(&self, typed: &Scheduled, buckets: &[Arc<BucketPlace>]) -> Result<Schedule> {
        let zone = typed.timezone.as_ref().map(|typed| {
            TimeZone::get(&typed.value).map_err(|error| {
                let help = "a name of the IANA time zone database: `Europe/Berlin`";
                self.fault(typed, error.to_string(), help)
            })
        });
        let forms = typed.output.as_ref().map(|typed| {
            let forms = typed.iter().map(|typed| {
                Form::named(&typed.value).ok_or_else(|| {
                    let message = format!("`{}` is no form of a report", typed.value);
                    let help = match typed.value.as_str() {
                        "pdf" => {
                            "html, csv, json or oscal; another program sets PDF, and a gateway that serves starts \
                             none: `tidegate-report-pdf` makes it of the file for programs (`json`)"
                        }
                        _ => "html, csv, json or oscal",
                    };
                    self.fault(typed, message, help)
                })
            });
            forms.collect::<Result<Vec<_>>>()
        });
        Ok(Schedule {
            kind: self.kind(&typed.report)?,
            every: typed.every,
            zone: zone.transpose()?.unwrap_or(TimeZone::UTC),
            forms: forms.transpose()?.unwrap_or_else(|| vec![Form::Html]),
            to: self.outlet(typed, buckets)?,
        })
    }

    /// Where they are put.
    fn outlet(&self, typed: &Scheduled, buckets: &[Arc<BucketPlace>]) -> Result<Outlet> {
        let retain = typed.retain_days.as_ref();
        if let Some(within) = self.s3(buckets, &typed.to, retain)? {
            return Ok(Outlet::Bucket(within));
        }
        match retain {
            None => Ok(Outlet::Folder(self.directory.join(&typed.to.value))),
            Some(days) => {
                let help = "`to: s3://BUCKET/PREFIX`, or leave `retain_days` out";
                Err(self.fault(days, "no folder locks what is in it", help))
            }
        }
    }

    /// A kind that needs nothing but the log.
    fn kind(&self, typed: &Spanned<String>) -> Result<Kind> {
        let Some(kind) = Kind::named(&typed.value) else {
            let message = format!("`{}` is no report", typed.value);
            let names = Kind::ALL.map(Kind::name).join(", ");
            return Err(self.fault(typed, message, format!("one of {names}")));
        };
        let wanting = match kind {
            Kind::Subject => "one person",
            Kind::Unused | Kind::Proofs => "the policies as files",
            _ => return Ok(kind),
        };
        let message = format!(
            "`{}` is about {wanting}, and is not made by itself",
            typed.value
        );
        let help = "run `tidegate report` when it is asked for, or from a timer";
        Err(self.fault(typed, message, help))
    }
}
