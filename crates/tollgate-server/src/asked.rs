use std::sync::Arc;
use std::time::Duration;

use tollgate::{Failure, FailureKind, KeyEntry, Order, StreamMode, Surface};

use crate::pages::caller;
use crate::patience::Patience;
use crate::posted::Posted;
use crate::reply::Refusal;
use crate::{allowance, fields, hints, own_keys};

/// A request as it was asked for over HTTP: the body, and what the headers add.
pub(crate) struct Asked {
    pub(crate) order: Order,
    pub(crate) mode: StreamMode,
    /// How long a stream may send nothing, where its client says so.
    pub(crate) silence: Option<Duration>,
    /// Who calls, where callers are known.
    pub(crate) entry: Option<Arc<KeyEntry>>,
}

impl Asked {
    /// Reads a request of a surface.
    pub(crate) fn read(surface: Surface, posted: &Posted) -> Result<Self, Refusal> {
        let hints = hints::read(posted.headers())?;
        let patience = Patience::read(posted.headers())?;
        let entry = posted.extensions().get::<Arc<KeyEntry>>().cloned();
        let caller = caller::of(posted.extensions());
        let request = tollgate::Request::parse(surface, posted.body()).and_then(|request| {
            fields::check(surface, request.object())?;
            Ok(request)
        });
        let request = request.map_err(|error| {
            Failure::new(
                FailureKind::InvalidRequest,
                format!("the request cannot be read: {error}"),
            )
        })?;
        let mode = match request.stream() {
            true => StreamMode::Stream,
            false => StreamMode::Whole,
        };
        let order = Order::from(request).with_hints(hints).with_caller(caller);
        let mut order = own_keys::add(order, posted.headers(), entry.as_deref())?;
        if let Some(total) = patience.total(mode) {
            order = order.with_timeout(total);
        }
        if let Some(entry) = &entry {
            allowance::check(entry, &order)?;
            check_tags(entry, &order)?;
            for (name, value) in entry.tags() {
                order = order.with_tag(name, value);
            }
        }
        Ok(Self {
            order,
            mode,
            silence: patience.silence(),
            entry,
        })
    }
}

/// Budgets count by the first tag of a name, so a caller must not say another
/// one before its key's. Metadata and `user` come after them, and give way.
fn check_tags(entry: &KeyEntry, order: &Order) -> Result<(), Failure> {
    let own = |name: &str| entry.tags().iter().any(|(own, _)| own == name);
    match order.hints().tags.iter().find(|(name, _)| own(name)) {
        None => Ok(()),
        Some((name, _)) => Err(Failure::new(
            FailureKind::InvalidRequest,
            format!("the tag {name:?} is said by the key"),
        )
        .with_hint("leave it out of x-tollgate-tags; other tags are free")),
    }
}
