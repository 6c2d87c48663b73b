//! The contract of providers, and what both clients make of the same faults.

use tollgate_core::{Delivery, FailureKind, FrameKind};
use tollgate_sim::{Fault, Scenario, UsageChunk};
use tollgate_testkit::providers::contract;

use crate::setup::{Both, attempt};

const DELIVERIES: [Delivery; 2] = [Delivery::Whole, Delivery::Stream];

#[tokio::test]
async fn a_good_answer_is_the_same_with_both() {
    for delivery in DELIVERIES {
        let both = Both::before(Scenario::default()).await;
        contract(&both.theirs, &attempt(delivery)).await;
        let (ours, theirs) = both.plain(delivery).await;
        assert!(ours.failure.is_none() && theirs.failure.is_none());
        let shape = |outcome: &crate::setup::Outcome| {
            let finish = outcome.frames.iter().find_map(|frame| frame.facts.finish);
            let served = outcome.frames.iter().find_map(|frame| {
                let served = frame.facts.served.as_ref()?;
                Some((served.model.clone(), served.provider.clone()))
            });
            (
                finish,
                served,
                outcome.output_bytes(),
                outcome.tokens(),
                outcome.cost(),
                outcome.count(FrameKind::Event),
                outcome.count(FrameKind::Body),
                outcome.count(FrameKind::Done),
            )
        };
        let (ours, theirs) = (shape(&ours), shape(&theirs));
        assert!(ours.0.is_some() && ours.1.is_some() && ours.4.is_some());
        assert_eq!(ours, theirs);
    }
}

#[tokio::test]
async fn usage_is_read_in_each_of_its_forms() {
    for form in [
        UsageChunk::RepeatsFinish,
        UsageChunk::NullFinish,
        UsageChunk::NoChoices,
    ] {
        let both = Both::before(Scenario {
            usage_chunk: form,
            ..Scenario::default()
        })
        .await;
        let (ours, theirs) = both.plain(Delivery::Stream).await;
        assert!(ours.tokens().is_some() && ours.cost().is_some());
        assert_eq!(
            (ours.tokens(), ours.cost(), ours.kind()),
            (theirs.tokens(), theirs.cost(), theirs.kind())
        );
    }
}

/// Fault, delivery, and what it is for both, or for ours and for theirs.
type Case = (&'static str, Delivery, Expected);

#[derive(Clone, Copy)]
enum Expected {
    Both(Option<FailureKind>),
    Differs(Option<FailureKind>, Option<FailureKind>),
}

#[tokio::test]
async fn faults_keep_the_contract_and_most_are_classified_alike() {
    use Delivery::{Stream, Whole};
    use Expected::{Both as Same, Differs};
    use FailureKind::{
        Auth, BadReply, ContentPolicy, ContextLength, Interrupted, NotFound, Payment, RateLimited,
        Truncated, Upstream,
    };
    #[rustfmt::skip]
    let cases: &[Case] = &[
        ("bad-request",           Whole,  Same(Some(FailureKind::InvalidRequest))),
        ("context-length",        Stream, Same(Some(ContextLength))),
        ("unauthorized",          Whole,  Same(Some(Auth))),
        ("credits",               Stream, Same(Some(Payment))),
        ("in-flight-budget",      Whole,  Same(Some(RateLimited))),
        ("moderation",            Stream, Same(Some(ContentPolicy))),
        ("guardrail",             Whole,  Same(Some(ContentPolicy))),
        ("key-limit",             Stream, Same(Some(Payment))),
        ("no-endpoints",          Whole,  Same(Some(NotFound))),
        ("internal",              Stream, Same(Some(Upstream))),
        ("unavailable",           Whole,  Same(Some(Upstream))),
        ("edge-timeout",          Stream, Same(Some(Upstream))),
        ("overloaded",            Whole,  Same(Some(Upstream))),
        ("html",                  Stream, Same(Some(Upstream))),
        ("empty-body",            Whole,  Same(Some(Upstream))),
        ("rate-limited",          Stream, Same(Some(RateLimited))),
        ("free-daily-limit",      Whole,  Same(Some(RateLimited))),
        ("error-200",             Whole,  Same(Some(Upstream))),
        ("error-200",             Stream, Same(Some(Upstream))),
        ("error-choice",          Whole,  Same(Some(Upstream))),
        ("error-mid-stream-bare", Stream, Same(Some(Upstream))),
        ("empty-answer",          Whole,  Same(Some(BadReply))),
        ("empty-answer",          Stream, Same(Some(BadReply))),
        ("html-200",              Whole,  Same(Some(BadReply))),
        ("malformed",             Whole,  Same(Some(BadReply))),
        ("malformed",             Stream, Same(Some(BadReply))),
        ("reset",                 Whole,  Same(Some(Interrupted))),
        ("cut-byte",              Whole,  Same(Some(Interrupted))),
        ("reset-event",           Stream, Same(Some(Truncated))),
        ("cut-event",             Stream, Same(Some(Truncated))),
        ("cut-clean",             Stream, Same(Some(Truncated))),
        ("no-done",               Stream, Same(None)),
        ("no-usage",              Stream, Same(None)),
        // The error stands beside the choices, and the client does not look there.
        ("error-mid-stream",      Stream, Differs(Some(Upstream), Some(BadReply))),
        // The client swallows the end marker, which alone tells this from a stream that was cut.
        ("no-finish",             Stream, Differs(None, Some(Truncated))),
    ];
    let both = Both::before(Scenario::default()).await;
    for (fault, delivery, expected) in cases {
        both.strike(Fault::named(fault).unwrap());
        contract(&both.theirs, &attempt(*delivery)).await;
        let (ours, theirs) = both.plain(*delivery).await;
        let (for_ours, for_theirs) = match *expected {
            Same(kind) => (kind, kind),
            Differs(ours, theirs) => (ours, theirs),
        };
        let seen = format!("{fault}: {:?} / {:?}", ours.failure, theirs.failure);
        assert_eq!(
            (ours.kind(), theirs.kind()),
            (for_ours, for_theirs),
            "{seen}"
        );
    }
}
