//! An explanation for people.

use std::fmt;

use tollgate_core::{Dropped, ExplainedCandidate, Explanation, OutputSource, TaskSource};

/// An explanation as text of a few dozen lines: what was asked, the candidates
/// as a table, who was left out by reason, with examples.
///
/// ```
/// # fn show(explanation: &tollgate_core::Explanation) -> String {
/// tollgate_router::InWords(explanation).to_string()
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct InWords<'a>(pub &'a Explanation);

/// Examples that are shown of each reason.
const EXAMPLES: usize = 3;

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let explanation = self.0;
        head(f, explanation)?;
        if !explanation.candidates.is_empty() {
            candidates(f, &explanation.candidates)?;
        }
        if !explanation.dropped.is_empty() {
            dropped(f, &explanation.dropped)?;
        }
        for warning in &explanation.warnings {
            writeln!(f, "\nwarning: {warning}")?;
        }
        Ok(())
    }
}

fn head(f: &mut fmt::Formatter<'_>, explanation: &Explanation) -> fmt::Result {
    let source = match explanation.task_source {
        TaskSource::Given => "given",
        TaskSource::Profiled => "from the request",
    };
    writeln!(f, "target   {}", explanation.target)?;
    writeln!(f, "policy   {}", explanation.policy)?;
    writeln!(f, "task     {} ({source})", explanation.task)?;
    let prompt = explanation.prompt;
    writeln!(
        f,
        "prompt   about {} tokens, {} to {}",
        prompt.likely, prompt.low, prompt.high
    )?;
    writeln!(f, "needs    {}", explanation.needs)?;
    if let Some(ceiling) = explanation.ceiling {
        writeln!(f, "limit    ${ceiling}")?;
    }
    if let Some(look) = &explanation.look {
        writeln!(f, "learned  {look}")?;
    }
    let catalog = explanation.catalog;
    writeln!(
        f,
        "catalog  version {}, {} models, as of {}",
        catalog.version, catalog.models, catalog.as_of
    )
}

fn candidates(f: &mut fmt::Formatter<'_>, candidates: &[ExplainedCandidate]) -> fmt::Result {
    let width = candidates
        .iter()
        .map(|candidate| candidate.model.as_str().len())
        .max()
        .unwrap_or(0);
    let lanes = candidates
        .iter()
        .map(|candidate| candidate.lane.as_str().len())
        .max()
        .unwrap_or(0);
    for (candidate, number) in candidates.iter().zip(1..) {
        writeln!(
            f,
            "\n{number:>2}. {:<width$}  {:<lanes$}  ${} (at most ${})  quality {:.2} ± {:.2}  {} tokens ({})  {}{:.1} s",
            candidate.model,
            candidate.lane,
            candidate.expected,
            candidate.worst,
            candidate.quality.mean,
            candidate.quality.error,
            candidate.output_tokens,
            source(candidate.output_source),
            if candidate.latency_known { "" } else { "~" },
            candidate.latency_ms / 1_000.0,
        )?;
        writeln!(f, "    {}", candidate.why)?;
        if let Some(choice) = &candidate.endpoints {
            writeln!(f, "    endpoints: {}", choice.why)?;
        }
    }
    Ok(())
}

fn source(output: OutputSource) -> &'static str {
    match output {
        OutputSource::Usage => "by usage",
        _ => "assumed",
    }
}

fn dropped(f: &mut fmt::Formatter<'_>, dropped: &[Dropped]) -> fmt::Result {
    writeln!(f, "\nleft out: {}", dropped.len())?;
    let mut by_reason: Vec<Vec<&Dropped>> = Vec::new();
    for one in dropped {
        match by_reason
            .iter_mut()
            .find(|group| group[0].reason.index() == one.reason.index())
        {
            Some(group) => group.push(one),
            None => by_reason.push(vec![one]),
        }
    }
    by_reason.sort_by_key(|group| group[0].reason.index());
    for group in by_reason {
        writeln!(f, "  {:>4} {}", group.len(), group[0].reason.name())?;
        for one in group.iter().take(EXAMPLES) {
            writeln!(f, "       {} on {}: {}", one.model, one.lane, one.reason)?;
        }
        if group.len() > EXAMPLES {
            writeln!(f, "       and {} more", group.len() - EXAMPLES)?;
        }
    }
    Ok(())
}
