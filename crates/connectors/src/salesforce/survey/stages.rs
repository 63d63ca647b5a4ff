//! The stages that the mapping names against the org's own.

use mapping::{Ending, Mapping};

use crate::{Finding, salesforce::OrgStage};

/// A line for each stage that the mapping names.
pub(super) fn compared(mapping: &Mapping, stages: Option<&[OrgStage]>) -> Vec<Finding> {
    let Some(stages) = stages else {
        return vec![Finding::unseen(
            "salesforce.stages",
            "Stages",
            "The integration user may not ask for OpportunityStage.",
            "Compare [stages] of the mapping with Setup, Opportunity, Fields, Stage.",
        )];
    };
    let mut findings: Vec<Finding> = Vec::new();
    let common = mapping.stages().named();
    let own = mapping.record_types().flat_map(|each| each.stages.named());
    for (name, ending) in common.into_iter().chain(own) {
        let (id, title) = (format!("salesforce.stage.{}", slug(name)), format!("Stage \"{name}\""));
        // A stage that is named twice with two meanings is told once: by what is wrong.
        let line = told(id, title, stages.iter().find(|stage| stage.name == name), ending);
        match findings.iter_mut().find(|before| before.id == line.id) {
            Some(before) if before.mend.is_none() => *before = line,
            Some(_) => {}
            None => findings.push(line),
        }
    }
    findings
}

fn told(id: String, title: String, stage: Option<&OrgStage>, ending: Ending) -> Finding {
    let Some(stage) = stage else {
        return Finding::fail(
            id,
            title,
            "The org has no such stage: it would be written as a text that no list shows.",
            "Add the stage in Setup, or change [stages] of the mapping.",
        );
    };
    if !stage.active {
        let evidence = "The stage is not active: nobody can choose it.";
        return Finding::fail(
            id,
            title,
            evidence,
            "Activate it in Setup, or change [stages] of the mapping.",
        );
    }
    let is = match (stage.closed, stage.won) {
        (true, true) => Ending::Won,
        (true, false) => Ending::Lost,
        (false, _) => Ending::Open,
    };
    if is == ending {
        return Finding::pass(id, title, format!("active, {}", word(is)));
    }
    Finding::fail(
        id,
        title,
        format!("Salesforce holds it for {}; the mapping means {}.", word(is), word(ending)),
        "Change the stage's type in Setup, or its meaning under [stages] of the mapping.",
    )
}

fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Open => "open",
        Ending::Won => "closed/won",
        Ending::Lost => "closed/lost",
    }
}

/// The name in small letters, digits and underscores.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars() {
        if letter.is_alphanumeric() {
            slug.extend(letter.to_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('_') {
            slug.push('_');
        }
    }
    slug.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    #[test]
    fn a_stage_passes_only_if_it_is_there_active_and_of_the_right_kind() {
        let stage = |active, closed, won| OrgStage { name: "X".to_owned(), active, closed, won };
        let verdict =
            |stage: Option<&OrgStage>, ending| told(String::new(), String::new(), stage, ending).verdict;
        assert_eq!(verdict(Some(&stage(true, true, true)), Ending::Won), Verdict::Pass);
        assert_eq!(verdict(Some(&stage(true, true, false)), Ending::Lost), Verdict::Pass);
        assert_eq!(verdict(Some(&stage(true, false, false)), Ending::Open), Verdict::Pass);
        assert_eq!(verdict(Some(&stage(true, true, false)), Ending::Won), Verdict::Fail);
        assert_eq!(verdict(Some(&stage(true, false, false)), Ending::Lost), Verdict::Fail);
        assert_eq!(verdict(Some(&stage(false, false, false)), Ending::Open), Verdict::Fail);
        assert_eq!(verdict(None, Ending::Open), Verdict::Fail);
    }

    #[test]
    fn the_name_in_an_id_is_plain() {
        assert_eq!(slug("Co-sell: to answer"), "co_sell_to_answer");
        assert_eq!(slug("  Abschluß?! "), "abschluß");
    }
}
