use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tollgate_core::{
    AfterCommit, ApiKey, Call, CallId, CallerId, CallerKeys, Clock, Delivery, Failure, FailureKind,
    Hints, LaneId, MAX_ID_BYTES, Task, UpstreamStream, Usd,
};
use tollgate_wire::{ChatRequest, EmbeddingsRequest, Object, Request, Surface};

/// A request to be sent, with what the caller asks of the gateway.
///
/// A [`ChatRequest`] alone is an order too, and so are an [`EmbeddingsRequest`]
/// and a [`Request`] of any other surface.
///
/// ```
/// use tollgate::{Order, ChatRequest, Message, Task};
/// let request = ChatRequest::new([Message::user("Sort a list in Rust.")])?.with_model("tollgate/auto");
/// let order = Order::from(request)
///     .with_policy("cheapest")
///     .with_task(Task::Code)
///     .with_max_cost("0.01".parse()?);
/// # let _ = order;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Order {
    request: Request,
    hints: Hints,
    caller: CallerId,
    timeout: Option<Duration>,
    keys: CallerKeys,
}

impl From<Request> for Order {
    fn from(request: Request) -> Self {
        Self {
            request,
            hints: Hints::default(),
            caller: CallerId::local(),
            timeout: None,
            keys: CallerKeys::default(),
        }
    }
}

impl From<ChatRequest> for Order {
    fn from(request: ChatRequest) -> Self {
        Request::from(request).into()
    }
}

impl From<EmbeddingsRequest> for Order {
    fn from(request: EmbeddingsRequest) -> Self {
        Request::from(request).into()
    }
}

impl Order {
    /// The request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What the caller asks of the gateway beside the request.
    pub fn hints(&self) -> &Hints {
        &self.hints
    }

    /// Ranks by the policy of that name.
    pub fn with_policy(mut self, name: impl Into<String>) -> Self {
        self.hints.policy = Some(name.into());
        self
    }

    /// Says what the call is about, instead of having it guessed.
    pub fn with_task(mut self, task: Task) -> Self {
        self.hints.task = Some(task);
        self
    }

    /// Most that the call may cost in total.
    pub fn with_max_cost(mut self, limit: Usd) -> Self {
        self.hints.max_cost = Some(limit);
        self
    }

    /// Puts free variants first.
    pub fn with_free_first(mut self) -> Self {
        self.hints.prefer_free = Some(true);
        self
    }

    /// Longest acceptable time to a complete answer, for choosing; see
    /// [`with_timeout`](Self::with_timeout) for the limit itself.
    pub fn with_max_latency(mut self, limit: Duration) -> Self {
        self.hints.max_latency = Some(limit);
        self
    }

    /// Says what becomes of an answer that breaks off after some of it was shown.
    pub fn with_after_commit(mut self, after_commit: AfterCommit) -> Self {
        self.hints.after_commit = Some(after_commit);
        self
    }

    /// Says whether an answer in one piece is asked for as a stream.
    pub fn with_upstream_stream(mut self, upstream_stream: UpstreamStream) -> Self {
        self.hints.upstream_stream = Some(upstream_stream);
        self
    }

    /// Lets a stream be held back to its end, for a policy that has answers
    /// judged before anybody is shown them. Without it the policy's own
    /// configuration says so.
    pub fn with_hold_back(mut self) -> Self {
        self.hints.hold_back = Some(true);
        self
    }

    /// Passes over lanes on which the request would lose something.
    pub fn with_strict(mut self) -> Self {
        self.hints.strict = Some(true);
        self
    }

    /// Names the conversation that the call goes on with, so that a model which
    /// has just read the beginning is preferred by what it then costs less.
    /// Without a name, conversations are told apart by how they begin.
    pub fn with_session(mut self, name: impl Into<String>) -> Self {
        self.hints.session = Some(name.into());
        self
    }

    /// Adds a tag for the ledger.
    pub fn with_tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.hints.tags.push((name.into(), value.into()));
        self
    }

    /// Total time for all attempts; the configured one when absent.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets all hints at once.
    pub fn with_hints(mut self, hints: Hints) -> Self {
        self.hints = hints;
        self
    }

    /// Brings the caller's own key for a provider: `openrouter`, or the name of
    /// a direct one in the configuration. The call then takes the lanes of such
    /// keys alone; it costs the gateway nothing, and no budget counts it.
    pub fn with_key(mut self, provider: LaneId, key: ApiKey) -> Self {
        self.keys = self.keys.with(provider, key);
        self
    }

    /// Says on whose behalf the call is made.
    pub fn with_caller(mut self, caller: CallerId) -> Self {
        self.caller = caller;
        self
    }
}

/// Makes calls out of orders.
#[derive(Debug)]
pub(crate) struct Admission {
    seed: u64,
    count: AtomicU64,
}

impl Admission {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            count: AtomicU64::new(0),
        }
    }

    /// Makes a call that may take so long, if its order does not say less.
    pub(crate) fn admit(
        &self,
        order: Order,
        timeout: Duration,
        clock: &dyn Clock,
    ) -> Result<Call, Failure> {
        let at = clock.now();
        let delivery = if order.request.stream() {
            Delivery::Stream
        } else {
            Delivery::Whole
        };
        let mut hints = order.hints;
        name_user(&mut hints.tags, &order.request);
        name_metadata(&mut hints.tags, &order.request);
        check_tags(&hints.tags)?;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        Ok(Call {
            id: CallId::from_parts(at, random(self.seed, number)),
            caller: order.caller,
            at,
            timeout: order.timeout.map_or(timeout, |asked| asked.min(timeout)),
            delivery,
            hints,
            request: Arc::new(order.request),
            keys: order.keys,
        })
    }
}

/// Most bytes of a tag's name, and of its value.
const LONGEST_TAG: usize = MAX_ID_BYTES;

/// The tag that says for whom a call is made.
const USER: &str = "user";

/// Takes the tag `user` from the request's own field, unless the caller gave
/// one.
fn name_user(tags: &mut Vec<(String, String)>, request: &Request) {
    let Some(user) = request.user().filter(|user| user.len() <= LONGEST_TAG) else {
        return;
    };
    if tags.iter().all(|(name, _)| name != USER) {
        tags.push((USER.to_owned(), user));
    }
}

/// Most pairs of a request's metadata that become tags.
const MOST_METADATA: usize = 16;

/// Takes tags from the request's own metadata: the pairs of texts in it whose
/// names the caller has not used for a tag. They are for the logs of whoever
/// made the request, so what is too long for a tag is no mistake.
fn name_metadata(tags: &mut Vec<(String, String)>, request: &Request) {
    // Messages' metadata has the user alone, who has a tag.
    if request.surface() == Surface::Messages {
        return;
    }
    let metadata: Option<Object> = request.object().read("metadata").ok().flatten();
    let Some(metadata) = metadata else { return };
    for (name, value) in metadata.iter().take(MOST_METADATA) {
        let Ok(value) = serde_json::from_str::<String>(value.get()) else {
            continue;
        };
        let fits = name.len().max(value.len()) <= LONGEST_TAG && !name.is_empty();
        if fits && tags.iter().all(|(taken, _)| taken != name) {
            tags.push((name.to_owned(), value));
        }
    }
}

/// Tags become keys of budgets and of reports, so they stay short.
fn check_tags(tags: &[(String, String)]) -> Result<(), Failure> {
    let too_long = |(name, value): &&(String, String)| name.len().max(value.len()) > LONGEST_TAG;
    match tags.iter().find(too_long) {
        None => Ok(()),
        Some((name, _)) => {
            let name: String = name.chars().take(40).collect();
            Err(
                Failure::new(FailureKind::InvalidRequest, "a tag is too long")
                    .with("tag", name)
                    .with_hint(format!(
                        "names and values of tags have at most {LONGEST_TAG} bytes"
                    )),
            )
        }
    }
}

/// Two rounds of SplitMix64: distinct for distinct numbers, and different from
/// process to process by the seed.
fn random(seed: u64, number: u64) -> u128 {
    let mix = |mut z: u64| {
        z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let high = mix(seed ^ number.rotate_left(32));
    (u128::from(high) << 64) | u128::from(mix(high ^ number))
}
