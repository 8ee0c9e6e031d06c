//! The report of a comparison: counts, and a line for each conversation that is not simply written. As text and as JSON.

use std::collections::BTreeMap;
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
    /// Where it is shown in Genesys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub genesys: Option<String>,
}

impl Counts {
    fn add(&mut self, row: &Row) {
        self.ended += 1;
        match &row.standing {
            Standing::Written { .. } => self.written += 1,
            Standing::LeftOut { .. } => self.left_out += 1,
            Standing::Waiting { .. } => self.waiting += 1,
            Standing::Dead { .. } => self.dead += 1,
            Standing::Missing => self.missing += 1,
        }
    }
}

impl Report {
    /// Puts a report together.
    pub fn new(from: Timestamp, to: Timestamp, mut rows: Vec<Row>) -> Self {
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
            conversations: rows,
        }
    }

    /// Whether nothing is missing: all that ended is written, waits, is a dead letter, or does not belong into Pipedrive.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.counts.missing == 0
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
        writeln!(f, "written    {}", counts.written)?;
        writeln!(f, "left out   {}{}", counts.left_out, self.reasons())?;
        writeln!(f, "waiting    {}", counts.waiting)?;
        writeln!(f, "dead       {}", counts.dead)?;
        writeln!(f, "missing    {}", counts.missing)?;
        for row in &self.conversations {
            row.write_line(f)?;
        }
        Ok(())
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

    fn row(id: &str, standing: Standing) -> Row {
        Row {
            conversation: id.to_owned(),
            ended: "2026-03-10T14:00:00Z".parse().unwrap(),
            standing,
            genesys: Some(format!("https://apps.example.invalid/{id}")),
        }
    }

    fn report(rows: Vec<Row>) -> Report {
        let time = |text: &str| text.parse().unwrap();
        Report::new(
            time("2026-03-10T00:00:00Z"),
            time("2026-03-11T00:00:00Z"),
            rows,
        )
    }

    fn written() -> Standing {
        Standing::Written { activity: 7 }
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
    fn the_json_gives_each_conversation_with_its_standing() {
        let json = serde_json::to_value(report(vec![row("a", written())])).unwrap();

        assert_eq!(json["counts"]["written"], 1);
        assert_eq!(json["conversations"][0]["standing"], "written");
        assert_eq!(json["conversations"][0]["activity"], 7);
    }
}
