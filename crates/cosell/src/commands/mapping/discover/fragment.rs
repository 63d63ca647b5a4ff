//! The lines for a mapping file that say what was found.

use std::fmt;

use connectors::salesforce::{Candidate, Proposal, is_said};
use mapping::{Fix, KeyPath, Mapping};

/// Longest label that is shown, in characters: the platform's own bound.
const MAX_LABEL: usize = 40;

/// Lines by table.
pub(super) struct Fragment {
    tables: Vec<(String, Vec<Line>)>,
}

struct Line {
    key: String,
    /// What people see of the field, and what speaks for it.
    remark: Vec<String>,
    /// What to write, if it is beyond doubt; else a comment for each that may be meant.
    value: Option<String>,
    choices: Vec<Vec<String>>,
}

/// What of the proposals the mapping does not say already.
pub(super) fn of(mapping: &Mapping, proposals: &[Proposal]) -> Fragment {
    let mut fragment = Fragment { tables: Vec::new() };
    for proposal in proposals {
        let said = |candidate: &Candidate| is_said(mapping, proposal, candidate);
        // What the file says is one of those that may be meant: nothing is to be asked.
        let settled = proposal.sure().map_or_else(|| proposal.candidates.iter().any(said), said);
        let Some((key, table)) = proposal.path.split_last().filter(|_| !settled) else { continue };
        let path: Vec<&str> = proposal.path.iter().map(String::as_str).collect();
        let chosen = mapping.provenance().get(&path).filter(|setting| setting.is_yours());
        let table = table.join(".");
        let line = match (proposal.sure(), chosen) {
            (Some(sure), None) => Line {
                key: key.clone(),
                remark: remark(sure),
                value: Some(sure.value.clone()),
                choices: Vec::new(),
            },
            (_, chosen) => Line {
                key: key.clone(),
                remark: match chosen {
                    Some(chosen) => {
                        vec![format!("{key}: your file says {}; found was", chosen.effective().value)]
                    }
                    None => vec![format!("{key}: which one is meant is not certain; choose one of")],
                },
                value: None,
                choices: proposal.candidates.iter().map(|it| choice(key, it)).collect(),
            },
        };
        match fragment.tables.iter_mut().find(|(name, _)| *name == table) {
            Some((_, lines)) => lines.push(line),
            None => fragment.tables.push((table, vec![line])),
        }
    }
    fragment
}

/// The label on a line of its own, and what speaks for it on the next: both fit into 80 columns.
fn remark(candidate: &Candidate) -> Vec<String> {
    let label: String = candidate.label.chars().filter(|each| !each.is_control()).take(MAX_LABEL).collect();
    vec![format!("\"{label}\" ({} of 100):", candidate.score), candidate.because.clone()]
}

fn choice(key: &str, candidate: &Candidate) -> Vec<String> {
    let remark = remark(candidate).into_iter().map(|line| format!("  {line}"));
    std::iter::once(format!("{key} = \"{}\"", candidate.value)).chain(remark).collect()
}

impl Fragment {
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Whether anything is beyond doubt.
    pub(super) fn is_sure(&self) -> bool {
        self.tables.iter().flat_map(|(_, lines)| lines).any(|line| line.value.is_some())
    }

    /// `text` with what is beyond doubt, however the file spells its tables.
    pub(super) fn added_to(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (table, lines) in &self.tables {
            for line in lines {
                let Some(value) = &line.value else { continue };
                let path = KeyPath::of(table.split('.').chain([line.key.as_str()]));
                text = Fix::Set { path, value: format!("\"{value}\""), old: None }.apply(&text);
            }
        }
        text
    }
}

impl Line {
    fn written(&self) -> Option<String> {
        let remark = self.remark.join("\n# ");
        Some(format!("# {remark}\n{} = \"{}\"\n", self.key, self.value.as_ref()?))
    }
}

impl fmt::Display for Fragment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (table, lines)) in self.tables.iter().enumerate() {
            if number > 0 {
                writeln!(out)?;
            }
            writeln!(out, "[{table}]")?;
            for line in lines {
                match line.written() {
                    Some(written) => write!(out, "{written}")?,
                    None => {
                        for text in line.remark.iter().chain(line.choices.iter().flatten()) {
                            writeln!(out, "# {text}")?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(path: &[&str], candidates: &[(&str, u32)]) -> Proposal {
        let candidate = |(value, score): &(&str, u32)| Candidate {
            value: (*value).to_owned(),
            label: "Label".to_owned(),
            score: *score,
            because: "the label is Microsoft's".to_owned(),
        };
        Proposal {
            path: path.iter().map(|key| (*key).to_owned()).collect(),
            candidates: candidates.iter().map(candidate).collect(),
        }
    }

    #[test]
    fn what_is_sure_is_a_line_and_the_rest_are_comments() {
        let proposals = [
            proposal(&["names", "sync"], &[("ms__Sync__c", 100)]),
            proposal(&["names", "audit"], &[("a__Audit__c", 70), ("b__Audit__c", 70)]),
            proposal(&["fields", "share", "salesforce"], &[("Opportunity.ms__Visible__c", 70)]),
            proposal(&["names", "identifier"], &[("Referral_Identifier__c", 100)]),
        ];
        let fragment = of(&Mapping::shipped(), &proposals);
        let told = fragment.to_string();
        assert!(told.contains("\nsync = \"ms__Sync__c\"\n"), "{told}");
        assert!(told.contains("# audit = \"a__Audit__c\"") && !told.contains("\naudit ="), "{told}");
        assert!(!told.contains("identifier"), "the mapping says it already: {told}");
        let added = fragment.added_to("version = 1\n\n[names]\norigin = \"x__Origin__c\"\n");
        let mapping = Mapping::with_company("mapping.toml", &added);
        let mapping = mapping.unwrap_or_else(|errors| panic!("{added}\n{errors:?}"));
        assert_eq!(mapping.names().sync.as_str(), "ms__Sync__c");
        assert_eq!(mapping.names().origin.as_str(), "x__Origin__c");
        assert_eq!(mapping.names().audit.as_str(), "Audit__c", "nobody has chosen");
    }

    #[test]
    fn what_the_company_chose_is_not_overwritten() {
        let text = "version = 1\n\n[names]\nsync = \"Mine__c\"\n";
        let mapping = Mapping::with_company("mapping.toml", text);
        let mapping = mapping.unwrap_or_else(|errors| panic!("{errors:?}"));
        let fragment = of(&mapping, &[proposal(&["names", "sync"], &[("ms__Sync__c", 100)])]);
        assert!(fragment.to_string().contains("your file says \"Mine__c\""), "{fragment}");
        assert!(!fragment.is_sure());
        assert_eq!(fragment.added_to(text), text);
    }
}
