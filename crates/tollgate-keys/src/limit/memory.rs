use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;
use tollgate_core::StoreError;

use super::Amount;
use super::store::{EndedSlice, LimitStore, SLICE_WINDOW, SliceAsk, SliceGrant};

/// Limits that several gateways of one process share.
#[derive(Debug, Default)]
pub struct MemoryLimits {
    slices: Mutex<Slices>,
}

#[derive(Debug, Default)]
struct Slices {
    last: u64,
    /// In the order in which they were granted.
    granted: BTreeMap<u64, Granted>,
}

#[derive(Debug)]
struct Granted {
    key: Arc<str>,
    at: Instant,
    amount: Amount,
}

impl MemoryLimits {
    /// Nothing granted yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Slices {
    fn end(&mut self, ended: &EndedSlice) {
        if let Some(slice) = self.granted.get_mut(&ended.id) {
            slice.amount = Amount {
                requests: ended.requests,
                tokens: ended.tokens,
            };
        }
    }

    fn grant(&mut self, ask: &SliceAsk, now: Instant) -> SliceGrant {
        let of_key = self.granted.values().filter(|slice| slice.key == ask.key);
        let (mut used, mut oldest) = (Amount::default(), now);
        for slice in of_key {
            used = used + slice.amount;
            if slice.amount != Amount::default() {
                oldest = oldest.min(slice.at);
            }
        }
        let most = Amount {
            requests: ask.most_requests,
            tokens: ask.most_tokens,
        };
        let room = most - used;
        let amount = Amount {
            requests: ask.requests.min(room.requests),
            tokens: ask.tokens.min(room.tokens),
        };
        self.last += 1;
        let granted = Granted {
            key: ask.key.clone(),
            at: now,
            amount,
        };
        self.granted.insert(self.last, granted);
        SliceGrant {
            id: self.last,
            requests: amount.requests,
            tokens: amount.tokens,
            frees_in: SLICE_WINDOW.saturating_sub(now - oldest),
        }
    }
}

#[async_trait]
impl LimitStore for MemoryLimits {
    async fn lease(
        &self,
        ended: &[EndedSlice],
        asks: &[SliceAsk],
    ) -> Result<Vec<SliceGrant>, StoreError> {
        let mut slices = self.slices.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        slices
            .granted
            .retain(|_, slice| now - slice.at <= SLICE_WINDOW);
        ended.iter().for_each(|ended| slices.end(ended));
        Ok(asks.iter().map(|ask| slices.grant(ask, now)).collect())
    }
}
