//! The report of a comparison: counts, and a line for each conversation that is not simply written. As text and as JSON.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::standing::Standing;

/// The result of a comparison.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// From when on conversations that ended were compared.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
    /// How many there are of each standing.
    pub counts: Counts,
    /// Messages in the work queue: what is missing may be among them.
    pub queued: u32,
    /// All of them, by their ends.
    pub conversations: Vec<Row>,
}

/// How many conversations there are of each standing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// All that ended.
    pub ended: u64,
    /// Those with an activity.
    pub written: u64,
    /// Those that do not belong into Pipedrive.
    pub left_out: u64,
    /// Those of which a message waits.
    pub waiting: u64,
    /// Those of which a message is a dead letter.
    pub dead: u64,
    /// Those that are missing.
    pub missing: u64,
    /// Those, among the others, of which agents' legs are known and the end of the customer's session is overdue.
    pub incomplete: u64,
    /// Those whose events were made from Genesys' record and published.
    pub published: u64,
    /// The same by an earlier repair, where they are not missing any more.
    pub repaired: u64,
    /// Written ones whose recording Genesys did not have when it was asked last.
    pub without_recording: u64,
    /// The same of the summary.
    pub without_summary: u64,
}

/// One conversation.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Its id.
    pub conversation: String,
    /// When it ended.
    pub ended: Timestamp,
    /// What became of it.
    #[serde(flatten)]
    pub standing: Standing,
    /// Whether the end of the customer's session is overdue, although agents' legs are known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lacks_end: bool,
    /// Whether an earlier repair published its events, and it is not missing any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub repaired: bool,
    /// Whether its events were made from Genesys' record and published.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub published: bool,
    /// Where it is shown in Genesys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub genesys: Option<String>,
}

impl Counts {
    fn add(&mut self, row: &Row) {
        self.ended += 1;
        match &row.standing {
            Standing::Written { absent, .. } => {
                self.written += 1;
                let lacks = |artefact| u64::from(absent.iter().any(|it| it.artefact == artefact));
                self.without_recording += lacks("recording");
                self.without_summary += lacks("summary");
            }
            Standing::LeftOut { .. } => self.left_out += 1,
            Standing::Waiting { .. } => self.waiting += 1,
            Standing::Dead { .. } => self.dead += 1,
            Standing::Missing => self.missing += 1,
        }
        self.incomplete += u64::from(row.lacks_end);
        self.repaired += u64::from(row.repaired);
    }
}

impl Report {
    /// Puts a report together.
    pub fn new(from: Timestamp, to: Timestamp, mut rows: Vec<Row>, queued: u32) -> Self {
        rows.sort_by(|one, other| {
            (one.ended, &one.conversation).cmp(&(other.ended, &other.conversation))
        });
        let mut counts = Counts::default();
        for row in &rows {
            counts.add(row);
        }
        Self {
            from,
            to,
            counts,
            queued,
            conversations: rows,
        }
    }

    /// Notes whose events were published.
    pub fn note_published(&mut self, conversations: &HashSet<&str>) {
        for row in &mut self.conversations {
            row.published = conversations.contains(row.conversation.as_str());
        }
        let published = self.conversations.iter().filter(|row| row.published);
        self.counts.published = u64::try_from(published.count()).unwrap_or(u64::MAX);
    }

    /// Whether nothing is missing: all that ended is written, waits, is a dead letter, or does not belong into Pipedrive, and
    /// no end of a customer's session is overdue.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.counts.missing == 0 && self.counts.incomplete == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(
            f,
            "{} conversations ended from {} to {}",
            counts.ended, self.from, self.to
        )?;
        writeln!(f, "written    {}{}", counts.written, counts.artefacts())?;
        writeln!(f, "left out   {}{}", counts.left_out, self.reasons())?;
        writeln!(f, "waiting    {}", counts.waiting)?;
        writeln!(f, "dead       {}", counts.dead)?;
        writeln!(f, "missing    {}", counts.missing)?;
        if counts.incomplete > 0 {
            let what = "known by agents' legs alone: their customer.end never came";
            writeln!(f, "incomplete {} ({what})", counts.incomplete)?;
        }
        if counts.repaired > 0 {
            let what = "missing once, and published from Genesys' record";
            writeln!(f, "repaired   {} ({what})", counts.repaired)?;
        }
        if counts.published > 0 {
            let where_to = "interactions.backfill, from Genesys' record";
            writeln!(f, "published  {} (to {where_to})", counts.published)?;
        }
        if self.queued > 0 {
            let note = "messages wait in interactions.work: what is missing may be among them";
            writeln!(f, "{} {note}", self.queued)?;
        }
        for row in &self.conversations {
            row.write_line(f)?;
        }
        Ok(())
    }
}

impl Counts {
    /// How many written ones lack an artefact.
    fn artefacts(&self) -> String {
        match (self.without_recording, self.without_summary) {
            (0, 0) => String::new(),
            (recording, summary) => {
                format!(" (recording absent: {recording}; summary absent: {summary})")
            }
        }
    }
}

impl Report {
    /// How many are left out for which reason.
    fn reasons(&self) -> String {
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for row in &self.conversations {
            if let Standing::LeftOut { reason } = &row.standing {
                *reasons.entry(reason).or_default() += 1;
            }
        }
        let listed: Vec<String> = reasons
            .iter()
            .map(|(reason, count)| format!("{reason}: {count}"))
            .collect();
        if listed.is_empty() {
            String::new()
        } else {
            format!(" ({})", listed.join("; "))
        }
    }
}

impl Row {
    /// A line for a conversation that someone may have to look after.
    fn write_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, reason) = match &self.standing {
            Standing::Written { .. } if self.lacks_end => ("written", "without its customer.end"),
            Standing::Written { .. } | Standing::LeftOut { .. } => return Ok(()),
            Standing::Waiting { reason } => ("waiting", reason.as_str()),
            Standing::Dead { reason } => ("dead", reason.as_str()),
            Standing::Missing => ("missing", ""),
        };
        let link = self.genesys.as_deref().unwrap_or_default();
        let text = format!(
            "{word:8} {} {} {reason} {link}",
            self.ended, self.conversation
        );
        writeln!(f, "{}", text.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enrichment::Absent;

    fn row(id: &str, standing: Standing) -> Row {
        Row {
            conversation: id.to_owned(),
            ended: "2026-03-10T14:00:00Z".parse().unwrap(),
            standing,
            lacks_end: false,
            repaired: false,
            published: false,
            genesys: Some(format!("https://apps.example.invalid/{id}")),
        }
    }

    fn report(rows: Vec<Row>) -> Report {
        let time = |text: &str| text.parse().unwrap();
        Report::new(
            time("2026-03-10T00:00:00Z"),
            time("2026-03-11T00:00:00Z"),
            rows,
            0,
        )
    }

    fn written() -> Standing {
        Standing::Written {
            activity: 7,
            absent: Vec::new(),
        }
    }

    #[test]
    fn a_report_is_complete_only_when_nothing_is_missing() {
        let dead = Standing::Dead {
            reason: "pipedrive_rejected".to_owned(),
        };
        let left_out = Standing::LeftOut {
            reason: "a call between colleagues".to_owned(),
        };

        let complete = report(vec![
            row("a", written()),
            row("b", dead),
            row("c", left_out),
        ]);
        assert!(complete.is_complete());
        assert!(!report(vec![row("a", written()), row("d", Standing::Missing)]).is_complete());
        let mut by_legs = row("e", written());
        by_legs.lacks_end = true;
        assert!(!report(vec![by_legs]).is_complete());
    }

    #[test]
    fn the_text_names_what_is_missing_with_its_link() {
        let text = report(vec![row("a", written()), row("d", Standing::Missing)]).to_string();

        assert!(text.contains("missing    1"), "{text}");
        assert!(
            text.contains("missing  2026-03-10T14:00:00Z d  https://apps.example.invalid/d"),
            "{text}"
        );
        assert!(!text.contains("example.invalid/a"), "{text}");
    }

    #[test]
    fn what_was_published_is_counted_and_stays_missing() {
        let mut report = report(vec![row("a", written()), row("d", Standing::Missing)]);

        report.note_published(&HashSet::from(["d"]));

        assert!(!report.is_complete());
        let text = report.to_string();
        assert!(text.contains("published  1"), "{text}");
    }

    #[test]
    fn written_conversations_name_what_genesys_did_not_have() {
        let absent = vec![Absent {
            artefact: "recording",
            reason: "pending".to_owned(),
        }];
        let report = report(vec![row(
            "a",
            Standing::Written {
                activity: 7,
                absent,
            },
        )]);

        assert!(report.is_complete());
        let text = report.to_string();
        assert!(
            text.contains("written    1 (recording absent: 1; summary absent: 0)"),
            "{text}"
        );
        let json = serde_json::to_value(report).unwrap();
        assert_eq!(
            json["conversations"][0]["absent"][0]["artefact"],
            "recording"
        );
    }

    #[test]
    fn the_json_gives_each_conversation_with_its_standing() {
        let json = serde_json::to_value(report(vec![row("a", written())])).unwrap();

        assert_eq!(json["counts"]["written"], 1);
        assert_eq!(json["conversations"][0]["standing"], "written");
        assert_eq!(json["conversations"][0]["activity"], 7);
    }
}
