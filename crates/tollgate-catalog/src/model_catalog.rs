mod lookout;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tollgate_core::{
    Catalog, CatalogSource, CatalogView, Clock, Event, Failure, FailureKind, ModelId, Observer,
    Timestamp,
};

use crate::assemble::{Known, Stamp, assemble, layers};
use tollgate_wire::Model;

use crate::cache::{self, Cached};
use crate::config::{CatalogConfig, Limits};
use crate::endpoints::EndpointTable;
use crate::error::CatalogError;
use crate::habits::LearnedHabits;
use crate::lane::{self, LaneSpec, Serves};
use crate::listing::Listing;
use crate::quality::feedback::Feedback;
use crate::quality::layers::QualityLayers;
use crate::quality::scores::Scores;
use crate::refresh;
use crate::screen::{RefreshReport, screen};
use crate::source::ModelSource;
use crate::table::{PriceTable, TableInUse};

/// All models with their prices, capabilities and quality, kept fresh.
///
/// A cheap handle: clones share one catalog. Readers take [`Catalog::view`], an
/// atomic load of an immutable picture; a refresh builds a new picture aside
/// and swaps it in.
#[derive(Clone)]
pub struct ModelCatalog {
    shared: Arc<Shared>,
}

struct Shared {
    config: CatalogConfig,
    limits: Limits,
    scores: Option<Scores>,
    source: Option<Arc<dyn ModelSource>>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    view: ArcSwap<CatalogView>,
    /// What the view was built from. Requests take the lock too, so nobody who
    /// has it waits for a disk.
    ground: Mutex<Ground>,
    /// One refresh at a time, so that an older answer cannot replace a newer one,
    /// in the view or in the cache. It is held for as long as a list is taken in,
    /// also when nobody waits for that any more.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What a view is built from.
struct Ground {
    listing: Arc<Listing>,
    lanes: Vec<LaneSpec>,
    /// The price table, where a lane goes by it: read with the list and with
    /// lanes, so a fetched one counts from the next refresh on.
    prices: Option<TableInUse>,
    feedback: Option<Arc<Feedback>>,
    endpoints: EndpointTable,
    habits: Option<Arc<LearnedHabits>>,
}

impl ModelCatalog {
    /// Opens the catalog from the disk cache, or from the embedded snapshot
    /// when there is no cache, it cannot be read, it is of another upstream, or
    /// it is the older of the two. Fetches nothing: see [`ModelCatalog::refresh`]. Reads files, so it
    /// belongs to the start of a program.
    ///
    /// What was found, and that it is stale, is told to `observer`.
    ///
    /// # Errors
    /// [`CatalogError`] when the configuration, the lanes or the scores file
    /// are not valid. A bad cache is no error.
    pub fn open(
        config: CatalogConfig,
        lanes: Vec<LaneSpec>,
        source: Option<Arc<dyn ModelSource>>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, CatalogError> {
        config.validate()?;
        lane::check(&lanes)?;
        let scores = config
            .scores_path
            .as_deref()
            .map(Scores::read)
            .transpose()?;
        let prices = prices_for(&config, &lanes)?;
        if let Some(what) = passed_over(&prices).map(str::to_owned) {
            observer.on(&Event::Catalog { what, taken: true });
        }
        let upstream = source.as_ref().and_then(|source| source.upstream());
        let start = Start::find(&config, upstream, clock.now(), &*observer)?;
        let stamp = Stamp {
            version: 1,
            source: start.source,
            as_of: start.as_of,
        };
        let endpoints = EndpointTable::embedded().map_err(CatalogError::EmbeddedEndpoints)?;
        let known = Known {
            now: clock.now(),
            prices: prices.as_ref().map(|found| &found.table),
            scores: scores.as_ref(),
            feedback: None,
            endpoints: Some(&endpoints),
            habits: None,
        };
        let view = assemble(&start.listing, &lanes, known, stamp);
        tell_unmatched(&*observer, &unmatched(scores.as_ref(), &view));
        let shared = Shared {
            limits: config.limits(),
            config,
            scores,
            source,
            clock,
            observer,
            view: ArcSwap::from_pointee(view),
            ground: Mutex::new(Ground {
                listing: Arc::new(start.listing),
                lanes,
                prices,
                feedback: None,
                endpoints,
                habits: None,
            }),
            turn: Arc::default(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Fetches the list, and takes it when it looks right.
    ///
    /// # Errors
    /// - [`FailureKind::Configuration`] when the catalog is offline or has no source;
    /// - whatever the source failed with;
    /// - [`FailureKind::BadReply`] when the list looks wrong; the old one stays in use.
    ///
    /// # Cancellation
    /// Dropping the future gives up the fetch. A list that has arrived is still taken.
    pub async fn refresh(&self) -> Result<RefreshReport, Failure> {
        let source = self.source()?;
        let turn = Arc::clone(&self.shared.turn).lock_owned().await;
        let outcome = match source.fetch().await {
            Ok(body) => {
                let shared = Arc::clone(&self.shared);
                // Milliseconds of parsing and a file to write: not for a thread that serves calls.
                let taking = tokio::task::spawn_blocking(move || {
                    let _turn = turn;
                    shared.take_in(&body)
                });
                taking.await.unwrap_or_else(|error| {
                    Err(
                        Failure::new(FailureKind::Internal, "the catalog refresh was aborted")
                            .with_source(error),
                    )
                })
            }
            Err(failure) => Err(failure),
        };
        self.shared.tell(&outcome);
        outcome
    }

    /// Offers the same models on other lanes: the view is built anew from the
    /// list at hand, and from the price table as it is now.
    ///
    /// # Errors
    /// [`CatalogError`] when the lanes or the price table of the configuration
    /// are not valid; the old lanes stay.
    pub fn set_lanes(&self, lanes: Vec<LaneSpec>) -> Result<(), CatalogError> {
        lane::check(&lanes)?;
        let shared = &*self.shared;
        let prices = prices_for(&shared.config, &lanes)?;
        let news = {
            let mut ground = shared.ground();
            ground.lanes = lanes;
            let news = ground.take_prices(prices);
            shared.build_anew(&ground);
            news
        };
        shared.tell_prices(news);
        Ok(())
    }

    /// Counts what was learned from calls, in place of what was learned before;
    /// what is `None` stays as it is. The view is built anew from the list at
    /// hand. That takes milliseconds, so it is not for each call.
    pub fn set_learned(&self, feedback: Option<Feedback>, habits: Option<LearnedHabits>) {
        let shared = &*self.shared;
        let mut ground = shared.ground();
        if let Some(feedback) = feedback {
            ground.feedback = Some(Arc::new(feedback));
        }
        if let Some(habits) = habits {
            ground.habits = Some(Arc::new(habits));
        }
        shared.build_anew(&ground);
    }

    /// Where the quality of a model comes from, for each task: all that is
    /// known of it, best first. It is computed anew, for people to read.
    pub fn quality_of(&self, id: &ModelId) -> Vec<QualityLayers> {
        let (listing, feedback) = {
            let ground = self.shared.ground();
            (ground.listing.clone(), ground.feedback.clone())
        };
        let known = Known {
            now: self.shared.clock.now(),
            prices: None,
            scores: self.shared.scores.as_ref(),
            feedback: feedback.as_deref(),
            endpoints: None,
            habits: None,
        };
        layers(&listing, known, id)
    }

    /// The rows of the scores file that fit no model, by name or pattern.
    pub fn unmatched_scores(&self) -> Vec<String> {
        unmatched(self.shared.scores.as_ref(), &self.view())
    }

    /// Keeps the catalog fresh in the background until the guard is dropped:
    /// at once unless a cache is younger than the interval, then after each
    /// interval, varied by ±10 % so that nodes do not fetch in step. After a
    /// failure it comes back sooner. Does nothing when offline or without a source.
    ///
    /// `seed` fixes the variation. Needs a tokio runtime.
    pub fn start_refresh(&self, seed: u64) -> RefreshGuard {
        let task = self
            .source()
            .is_ok()
            .then(|| tokio::spawn(refresh::run(self.clone(), seed)));
        RefreshGuard { task }
    }

    /// The rows of the list in use, as the upstream wrote them: for showing
    /// what the view does not keep. Models that only a direct lane knows have
    /// none. They are read anew from their text, which takes milliseconds: see
    /// [`ModelCatalog::row`] for one of them.
    pub fn rows(&self) -> ListedRows {
        ListedRows(self.shared.listing().rows().collect())
    }

    /// The row of one model by its id, as [`ModelCatalog::rows`] has it.
    pub fn row(&self, id: &ModelId) -> Option<Model> {
        self.shared.listing().find(id.as_str())
    }

    pub(crate) fn config(&self) -> &CatalogConfig {
        &self.shared.config
    }

    /// Time since the data in use was true, by the catalog's clock.
    pub(crate) fn age(&self) -> std::time::Duration {
        self.shared
            .clock
            .now()
            .since(self.shared.view.load().as_of())
    }

    fn source(&self) -> Result<&Arc<dyn ModelSource>, Failure> {
        let source = self
            .shared
            .source
            .as_ref()
            .filter(|_| !self.shared.config.offline);
        source.ok_or_else(|| {
            Failure::new(
                FailureKind::Configuration,
                "the catalog is offline and cannot be refreshed",
            )
            .with_hint("set catalog.offline = false and configure [openrouter]")
        })
    }
}

impl Catalog for ModelCatalog {
    fn view(&self) -> Arc<CatalogView> {
        self.shared.view.load_full()
    }
}

impl fmt::Debug for ModelCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = self.shared.view.load();
        f.debug_struct("ModelCatalog")
            .field("config", &self.shared.config)
            .field("version", &view.version())
            .field("source", &view.source())
            .field("as_of", &view.as_of())
            .field("models", &view.models().len())
            .finish_non_exhaustive()
    }
}

/// The rows of one list, in its order; a refresh does not change them.
#[derive(Debug, Clone)]
pub struct ListedRows(Arc<[Model]>);

impl std::ops::Deref for ListedRows {
    type Target = [Model];

    fn deref(&self) -> &[Model] {
        &self.0
    }
}

/// Stops the background refresh when dropped.
#[derive(Debug)]
#[must_use = "the refresh stops when the guard is dropped"]
pub struct RefreshGuard {
    task: Option<tokio::task::JoinHandle<()>>,
}

impl RefreshGuard {
    /// Whether something is refreshed at all.
    pub fn is_active(&self) -> bool {
        self.task.is_some()
    }
}

impl Drop for RefreshGuard {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

// === impl Ground ===

impl Ground {
    /// Goes by another price table; gives what is to be told of it, once for as
    /// long as it is the same.
    fn take_prices(&mut self, found: Option<TableInUse>) -> Option<String> {
        let news = passed_over(&found).filter(|what| passed_over(&self.prices) != Some(*what));
        let news = news.map(str::to_owned);
        self.prices = found;
        news
    }
}

/// Why a fetched price table is not the one in use.
fn passed_over(prices: &Option<TableInUse>) -> Option<&str> {
    prices.as_ref()?.passed_over.as_deref()
}

// === impl Shared ===

impl Shared {
    fn ground(&self) -> MutexGuard<'_, Ground> {
        self.ground.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a view is built from beside list and lanes.
    fn known<'k>(&'k self, ground: &'k Ground) -> Known<'k> {
        Known {
            now: self.clock.now(),
            prices: ground.prices.as_ref().map(|found| &found.table),
            scores: self.scores.as_ref(),
            feedback: ground.feedback.as_deref(),
            endpoints: Some(&ground.endpoints),
            habits: ground.habits.as_deref(),
        }
    }

    /// Swaps the view for one of the same list.
    fn build_anew(&self, ground: &Ground) {
        let old = self.view.load();
        let stamp = Stamp {
            version: old.version() + 1,
            source: old.source(),
            as_of: old.as_of(),
        };
        let known = self.known(ground);
        let view = assemble(&ground.listing, &ground.lanes, known, stamp);
        self.view.store(Arc::new(view));
    }

    /// Screens a fetched list, swaps the view and writes the cache.
    fn take_in(&self, body: &[u8]) -> Result<RefreshReport, Failure> {
        let parsed = Listing::parse(body).map_err(CatalogError::Refused)?;
        let lanes = self.ground().lanes.clone();
        let prices = prices_for(&self.config, &lanes)?;
        let mut ground = self.ground();
        let (accepted, mut report) =
            screen(&ground.listing, parsed, &self.limits_now()).map_err(CatalogError::Refused)?;
        let stamp = Stamp {
            version: self.view.load().version() + 1,
            source: CatalogSource::Network,
            as_of: self.clock.now(),
        };
        // Lanes that were set meanwhile came with the table that they need.
        let news = prices.and_then(|found| ground.take_prices(Some(found)));
        let known = self.known(&ground);
        let view = assemble(&accepted, &ground.lanes, known, stamp);
        report.version = stamp.version;
        report.unmatched_scores = unmatched(self.scores.as_ref(), &view);
        self.view.store(Arc::new(view));
        let accepted = Arc::new(accepted);
        ground.listing = Arc::clone(&accepted);
        drop(ground);
        self.write_cache(&accepted, stamp.as_of);
        self.tell_prices(news);
        Ok(report)
    }

    /// What a list may change of the one in use: anything, when that is the
    /// embedded one and the upstream is another.
    fn limits_now(&self) -> Limits {
        let is_embedded = self.view.load().source() == CatalogSource::Embedded;
        match is_embedded && self.upstream().is_some() {
            true => Limits::NONE,
            false => self.limits,
        }
    }

    /// Whose list is fetched.
    fn upstream(&self) -> Option<&str> {
        self.source.as_ref()?.upstream()
    }

    fn listing(&self) -> Arc<Listing> {
        self.ground().listing.clone()
    }

    /// A cache that cannot be written costs the next start its freshness, not this one.
    fn write_cache(&self, listing: &Listing, as_of: Timestamp) {
        let Some(path) = &self.config.cache_path else {
            return;
        };
        if let Err(error) = cache::write(path, listing, as_of, self.upstream()) {
            let path = path.display();
            let what =
                format!("cannot write the catalog cache {path}: {error}; check catalog.cache_path");
            self.observer.on(&Event::Catalog { what, taken: true });
        }
    }

    fn tell_prices(&self, news: Option<String>) {
        if let Some(what) = news {
            self.observer.on(&Event::Catalog { what, taken: true });
        }
    }

    fn tell(&self, outcome: &Result<RefreshReport, Failure>) {
        let event = match outcome {
            Ok(report) => Event::Catalog {
                what: format!("refreshed, {report}"),
                taken: true,
            },
            Err(failure) => {
                let as_of = self.view.load().as_of();
                Event::Catalog {
                    what: format!("not refreshed: {failure}; in use is the list of {as_of}"),
                    taken: false,
                }
            }
        };
        self.observer.on(&event);
    }
}

// === the start ===

/// The list that the catalog starts with.
struct Start {
    listing: Listing,
    source: CatalogSource,
    as_of: Timestamp,
}

impl Start {
    fn find(
        config: &CatalogConfig,
        upstream: Option<&str>,
        now: Timestamp,
        observer: &dyn Observer,
    ) -> Result<Self, CatalogError> {
        let tell = |what: String, taken| observer.on(&Event::Catalog { what, taken });
        let snapshot = Listing::embedded_as_of();
        let found = config
            .cache_path
            .as_deref()
            .map(|path| (path, cache::read(path)));
        match found {
            Some((path, Ok(Some(cached)))) if cached.upstream.as_deref() != upstream => {
                let path = path.display();
                tell(
                    format!(
                        "the catalog cache {path} is of another upstream and was not used; the next refresh replaces it"
                    ),
                    false,
                );
            }
            Some((_, Ok(Some(cached)))) if cached.fetched_at >= snapshot => {
                let Cached {
                    listing,
                    fetched_at,
                    ..
                } = cached;
                // A clock that was set back must not make the cache look fresh for ever.
                let as_of = fetched_at.min(now);
                return Ok(Self {
                    listing,
                    source: CatalogSource::DiskCache,
                    as_of,
                });
            }
            Some((path, Ok(Some(_)))) => {
                let path = path.display();
                tell(
                    format!(
                        "the catalog cache {path} is older than the embedded snapshot and was not used"
                    ),
                    false,
                );
            }
            Some((path, Err(problem))) => {
                let path = path.display();
                tell(
                    format!(
                        "the catalog cache {path} was not used: {problem}; the next refresh replaces it"
                    ),
                    false,
                );
            }
            Some((_, Ok(None))) | None => {}
        }
        let days = now.since(snapshot).as_secs() / 86_400;
        let (year, month, day) = snapshot.date();
        tell(
            format!(
                "using the embedded snapshot of {year:04}-{month:02}-{day:02}, {days} days old: prices are stale until a refresh"
            ),
            true,
        );
        Ok(Self {
            listing: Listing::embedded().map_err(CatalogError::Embedded)?,
            source: CatalogSource::Embedded,
            as_of: snapshot,
        })
    }
}

/// The price table, where a lane goes by it. Reads files.
fn prices_for(
    config: &CatalogConfig,
    lanes: &[LaneSpec],
) -> Result<Option<TableInUse>, CatalogError> {
    let goes_by_it = |spec: &LaneSpec| matches!(spec.serves, Serves::Provider(_));
    let needed = lanes.iter().any(goes_by_it);
    needed.then(|| PriceTable::in_use(config)).transpose()
}

fn unmatched(scores: Option<&Scores>, view: &CatalogView) -> Vec<String> {
    let names = view
        .models()
        .iter()
        .flat_map(|model| [model.id.as_str(), model.canonical.as_str()]);
    scores.map_or_else(Vec::new, |scores| scores.unmatched(names))
}

fn tell_unmatched(observer: &dyn Observer, rows: &[String]) {
    if !rows.is_empty() {
        let what = format!(
            "{} rows of the scores file fit no model: {}",
            rows.len(),
            rows.join(", ")
        );
        observer.on(&Event::Catalog { what, taken: true });
    }
}
