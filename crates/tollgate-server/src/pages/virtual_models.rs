//! Models that are none: each stands for a policy, or for a policy and a task.

use serde_json::json;
use tollgate::{Capabilities, Gateway, Target, Task};
use tollgate_wire::{Model, Object};

use crate::pages::members::put;
use crate::pages::row::{architecture, finish, parameters};

/// The name for the configured policy.
const AUTO: &str = "auto";

/// The virtual models, each policy followed by its tasks. What they can do is
/// what one of the models can that compete for a call: an upper bound.
pub(crate) fn all(gateway: &Gateway) -> Vec<Model> {
    let widest = Widest::of(gateway);
    let policies = [AUTO.to_owned()].into_iter().chain(gateway.policies());
    policies
        .flat_map(|policy| forms(&policy))
        .filter_map(|form| form.row(&widest))
        .collect()
}

/// The virtual model of that id.
pub(crate) fn find(gateway: &Gateway, id: &str) -> Option<Model> {
    let Ok(Target::Policy { policy, .. }) = id.parse() else {
        return None;
    };
    let policy = policy.unwrap_or_else(|| AUTO.to_owned());
    let is_known = policy == AUTO || gateway.policies().contains(&policy);
    let form = forms(&policy).find(|form| is_known && form.id() == id)?;
    form.row(&Widest::of(gateway))
}

/// A policy, with or without a task.
struct Form {
    policy: String,
    task: Option<Task>,
}

fn forms(policy: &str) -> impl Iterator<Item = Form> + use<> {
    let policy = policy.to_owned();
    let tasks = Task::ALL.into_iter().map(Some);
    [None].into_iter().chain(tasks).map(move |task| Form {
        policy: policy.clone(),
        task,
    })
}

impl Form {
    fn id(&self) -> String {
        let target = Target::Policy {
            policy: (self.policy != AUTO).then(|| self.policy.clone()),
            task: self.task,
        };
        target.to_string()
    }

    fn description(&self) -> String {
        let policy = match self.policy.as_str() {
            AUTO => "the configured policy".to_owned(),
            name => format!("the policy {name}"),
        };
        let task = self.task.map_or_else(
            || "a task that is read from the request".to_owned(),
            |task| format!("the task {task}"),
        );
        format!("Whichever model {policy} picks for {task}; its own price is paid.")
    }

    fn row(&self, widest: &Widest) -> Option<Model> {
        let id = self.id();
        let mut object = Object::new();
        let task = self.task.map(|task| format!(" ({task})"));
        let name = format!("Tollgate: {}{}", self.policy, task.unwrap_or_default());
        put(&mut object, "id", &id);
        put(&mut object, "canonical_slug", &id);
        put(&mut object, "name", &name);
        put(&mut object, "description", &self.description());
        put(&mut object, "created", &0);
        put(&mut object, "owned_by", Target::VIRTUAL_AUTHOR);
        put(&mut object, "context_length", &widest.context);
        let mut architecture = architecture(widest.can);
        put(&mut architecture, "tokenizer", "Router");
        put(&mut object, "architecture", &architecture);
        put(&mut object, "supported_parameters", &parameters(widest.can));
        let facts = json!({ "policy": self.policy, "task": self.task });
        put(&mut object, "tollgate", &facts);
        finish(object)
    }
}

/// What one of the models that compete can do, or another.
struct Widest {
    can: Capabilities,
    context: Option<u32>,
}

impl Widest {
    fn of(gateway: &Gateway) -> Self {
        let view = gateway.catalog().view();
        let offers = || view.open().iter().map(|place| view.offer(*place));
        let can = offers().map(|offer| offer.can);
        Self {
            can: can.fold(Capabilities::TEXT_OUTPUT, Capabilities::union),
            context: offers()
                .map(|offer| offer.context)
                .max()
                .filter(|most| *most > 0),
        }
    }
}
