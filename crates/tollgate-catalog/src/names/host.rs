//! Names of open models at companies that serve what others have made.

use tollgate_core::ModelId;
use tollgate_wire::Model;

use super::form::{Form, spelt, with_points};
use super::rules::Host;
use super::{How, surest};

/// Forms in which the same weights are stored.
const PRECISIONS: &[&str] = &["-fp8", "-fp4", "-nvfp4", "-bf16"];

impl Host {
    /// The forms of names, with the host's suffixes apart.
    pub(super) fn forms<'a>(&self, names: impl Iterator<Item = &'a ModelId>) -> Vec<Form<'a>> {
        let suffixes: Vec<&str> = self.suffixes.iter().map(String::as_str).collect();
        names
            .map(|name| {
                let bare = self.bare(name.as_str());
                let spelt = spelt(&bare);
                let stem = strip(strip(&spelt, &suffixes), PRECISIONS).to_owned();
                Form {
                    name,
                    has_author: bare.contains('/'),
                    bare,
                    spelt,
                    stem,
                    date: None,
                }
            })
            .collect()
    }

    /// The name without what stands before each, in lower case, with points.
    fn bare(&self, name: &str) -> String {
        let name = name.strip_prefix(&self.prefix).unwrap_or(name);
        match self.point.as_str() {
            "" => name.to_lowercase(),
            point => with_points(&name.to_lowercase(), point),
        }
    }
}

/// The names that fit a model best, and how.
pub(super) fn best(model: &Model, id: &ModelId, forms: &[Form<'_>]) -> Option<(How, Vec<ModelId>)> {
    let id = Wanted::of(id.as_str());
    let hugging_face = model
        .hugging_face_id
        .as_deref()
        .filter(|name| !name.is_empty())
        .map(Wanted::of);
    let either =
        |fits: &dyn Fn(&Wanted) -> bool| fits(&id) || hugging_face.as_ref().is_some_and(fits);
    surest(forms, |form| {
        if id.is(&id.bare, &form.bare, form) {
            return Some(How::Same);
        }
        if hugging_face
            .as_ref()
            .is_some_and(|wanted| wanted.is(&wanted.bare, &form.bare, form))
        {
            return Some(How::HuggingFace);
        }
        if either(&|wanted| wanted.is(&wanted.spelt, &form.spelt, form)) {
            return Some(How::Spelling);
        }
        either(&|wanted| wanted.is(&wanted.stem, &form.stem, form)).then_some(How::Suffix)
    })
}

/// The forms of a name that is looked for.
struct Wanted {
    /// Where the slug begins, in each of them.
    slug_at: usize,
    bare: String,
    spelt: String,
    stem: String,
}

impl Wanted {
    fn of(name: &str) -> Self {
        let bare = name.to_lowercase();
        let spelt = spelt(&bare);
        Self {
            slug_at: bare.find('/').map_or(0, |slash| slash + 1),
            stem: strip(&spelt, PRECISIONS).to_owned(),
            bare,
            spelt,
        }
    }

    /// Whether the texts are the same; one without an author is compared without authors.
    fn is(&self, wanted: &str, own: &str, form: &Form<'_>) -> bool {
        let wanted = match form.has_author {
            true => wanted,
            false => wanted.get(self.slug_at..).unwrap_or_default(),
        };
        wanted == own
    }
}

fn strip<'a>(name: &'a str, suffixes: &[&str]) -> &'a str {
    suffixes
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name)
}
