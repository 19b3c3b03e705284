//! A report for people; for programs it is JSON.

use super::{Report, Succeeded, Verdict};

/// Openings that are named.
const OPEN_NAMED: usize = 10;

impl Report {
    /// For people, line by line; the last one is the verdict.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("log          {}", self.origin),
            format!(
                "records      {}, {} of them under a valid checkpoint",
                self.size, self.signed
            ),
            format!("checkpoints  {}", self.checkpoints),
        ];
        if let Some(resumed) = self.resumed {
            lines.push(format!(
                "resumed      {resumed} records were judged before, as the bookmark says"
            ));
        }
        for Succeeded { index, key } in &self.successions {
            lines.push(format!("key          {key}, by record {index}"));
        }
        if let Some(since) = self.since {
            lines.push(format!(
                "since        record {since}: the key is of then; {} checkpoints by older keys are not judged",
                self.unjudged
            ));
        }
        if let Some(witnessed) = self.witnessed {
            let at = self
                .witnessed_at
                .map(|at| format!(", at {at} by their clocks"));
            let at = at.unwrap_or_default();
            lines.push(format!("witnessed    {witnessed} records{at}"));
        }
        let listed = u64::try_from(self.open.len()).unwrap_or(u64::MAX);
        let open = listed.saturating_add(self.open_unlisted);
        if open > 0 {
            let some = self.open.iter().take(OPEN_NAMED);
            let some: Vec<String> = some.map(ToString::to_string).collect();
            lines.push(format!(
                "open         {open}: admitted, outcome unknown ({})",
                some.join(", ")
            ));
        }
        if self.keys_expired > 0 {
            lines.push(format!(
                "expired      {} records: {} data keys are destroyed, as records say",
                self.expired, self.keys_expired
            ));
        }
        if !self.keys_due.is_empty() {
            lines.push(format!(
                "due          {} of these keys are still there; the gateway destroys them when it starts",
                self.keys_due.len()
            ));
        }
        if !self.clock_back.is_empty() {
            lines.push(format!(
                "clock        went back before {} records",
                self.clock_back.len()
            ));
        }
        let findings = self.findings.iter();
        lines.extend(findings.map(|finding| format!("FINDING      {finding}")));
        if self.findings_unlisted > 0 {
            lines.push(format!("FINDING      and {} more", self.findings_unlisted));
        }
        lines.push(match self.verdict {
            Verdict::Intact => "intact".to_owned(),
            verdict => format!("NOT INTACT: {}", verdict.meaning()),
        });
        lines
    }
}
