//! One of the things that are measured, and what was found.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::BenchError;
use super::child::Measured;
use super::load::{Load, together};
use super::quantile::{Times, micros};

/// Clients that ask at the same time for answers in one piece.
const CLIENTS: usize = 64;

/// Clients that ask at the same time for streams.
const STREAMING: usize = 8;

/// How much is sent in one turn.
pub(super) struct Amount {
    /// Requests of one client.
    pub(super) alone: usize,
    /// Requests of each of [`CLIENTS`].
    pub(super) together: usize,
    /// Streams of one client.
    pub(super) streams: usize,
    /// Streams of each of [`STREAMING`].
    pub(super) streams_together: usize,
}

/// An address that answers, and the process behind it unless that is our own.
pub(super) struct Side {
    pub(super) name: &'static str,
    address: SocketAddr,
    process: Option<Measured>,
    pub(super) figures: Figures,
}

/// What was measured of one side.
#[derive(Default)]
pub(super) struct Figures {
    /// Of one client: until the whole answer is there.
    pub(super) whole: Times,
    /// Of one client: until the first chunk of a stream is.
    pub(super) first_chunk: Times,
    /// Of [`CLIENTS`].
    pub(super) together: Work,
    /// Of [`STREAMING`].
    pub(super) streams: Work,
    /// From the start of the process to its first good answer.
    pub(super) starts: Times,
    /// Memory before the load and after it, in MiB.
    pub(super) idle: Option<f64>,
    pub(super) loaded: Option<f64>,
}

/// Answers, and what they took.
#[derive(Debug, Default)]
pub(super) struct Work {
    answers: usize,
    took: Duration,
    /// Of the measured process; `None` when it is our own.
    cpu: Option<Duration>,
}

impl Side {
    pub(super) fn new(name: &'static str, address: SocketAddr, process: Option<Measured>) -> Self {
        Self {
            name,
            address,
            process,
            figures: Figures::default(),
        }
    }

    /// Memory that is resident, in MiB.
    pub(super) fn resident(&self) -> Result<Option<f64>, BenchError> {
        let process = self.process.as_ref();
        process.map(Measured::resident).transpose()
    }

    /// Sends everything once.
    pub(super) async fn turn(&self, amount: &Amount) -> Result<Figures, BenchError> {
        let (mut whole, mut first_chunk) = (Times::default(), Times::default());
        let mut load = Load::connect(self.address).await?;
        for _ in 0..amount.alone {
            let begun = Instant::now();
            load.whole().await?;
            whole.add(begun.elapsed());
        }
        for _ in 0..amount.streams {
            first_chunk.add(load.stream().await?);
        }
        let each = amount.together;
        let whole_together = together(self.address, CLIENTS, each, Load::whole);
        let streams = async {
            let each = amount.streams_together;
            together(self.address, STREAMING, each, async |load| {
                load.stream().await.map(drop)
            })
            .await
        };
        Ok(Figures {
            whole,
            first_chunk,
            together: self.work(CLIENTS * each, whole_together).await?,
            streams: self
                .work(STREAMING * amount.streams_together, streams)
                .await?,
            ..Figures::default()
        })
    }

    async fn work(
        &self,
        answers: usize,
        asking: impl Future<Output = Result<(), BenchError>>,
    ) -> Result<Work, BenchError> {
        let cpu = || self.process.as_ref().map(Measured::cpu).transpose();
        let (before, begun) = (cpu()?, Instant::now());
        asking.await?;
        let (took, after) = (begun.elapsed(), cpu()?);
        let cpu = after.zip(before).map(|(after, before)| after - before);
        Ok(Work { answers, took, cpu })
    }
}

impl Figures {
    /// Counts the work of a further turn.
    pub(super) fn add(&mut self, other: Self) {
        self.whole.append(other.whole);
        self.first_chunk.append(other.first_chunk);
        self.together.add(&other.together);
        self.streams.add(&other.streams);
    }
}

impl Work {
    fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.took += other.took;
        self.cpu = other.cpu.map(|cpu| cpu + self.cpu.unwrap_or_default());
    }

    /// Answers per second.
    pub(super) fn rate(&self) -> f64 {
        self.count() / self.took.as_secs_f64()
    }

    /// CPU time of one answer, in microseconds.
    pub(super) fn cpu_each(&self) -> Option<f64> {
        self.cpu.map(|cpu| micros(cpu) / self.count())
    }

    #[expect(clippy::cast_precision_loss, reason = "thousands, not quadrillions")]
    fn count(&self) -> f64 {
        self.answers as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_time_of_an_answer_is_the_mean_over_all_turns() {
        let turn = |millis| Work {
            answers: 100,
            took: Duration::from_secs(1),
            cpu: Some(Duration::from_millis(millis)),
        };
        let mut work = Work::default();
        work.add(&turn(10));
        work.add(&turn(30));
        assert_eq!(work.cpu_each(), Some(200.0));
        assert!((work.rate() - 100.0).abs() < 1e-9);
    }
}
