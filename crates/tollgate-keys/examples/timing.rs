//! Whether it takes longer to refuse a key whose beginning is known.
//!
//! Keys of two classes are refused in an order drawn by lot: those that begin as
//! a known key does, and those whose beginning nobody has. They differ in nothing
//! else: both classes show the same wrong secrets, since the time that it takes
//! to read a text depends on the text, which whoever sends it knows. Welch's t
//! of the times of both classes tells whether they differ: below 4.5 nothing was
//! found, as in "dude, is my code constant time?" (Reparaz, Balasch, Verbauwhede,
//! 2017). As there, it is told of all times and of those that are left when the
//! slowest are cropped, where what else the machine does drowns less.
//!
//! ```text
//! cargo run --release --package tollgate-keys --example timing -- 1000000
//! ```

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it prints what it has measured, in nanoseconds far below 2⁵³"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use tollgate_core::Timestamp;
use tollgate_keys::{KeyBook, KeyConfig, KeyTable, NewKey};

/// Shown keys of each class; each has memory of its own, as in requests.
const SHOWN: usize = 1_024;

/// Keys that are known, beside the one whose beginning is shown.
const KNOWN: usize = 200;

/// Shares of the fastest times that are looked at, in percent.
const CROPS: [usize; 4] = [100, 99, 95, 75];

fn main() -> Result<(), Box<dyn Error>> {
    let each = std::env::args()
        .nth(1)
        .map_or(Ok(1_000_000), |n| n.parse())?;
    let (book, shown) = Keys::new()?.split();
    let now = Timestamp::from_secs(1_800_000_000);
    let mut times = [Vec::with_capacity(each), Vec::with_capacity(each)];
    let mut dice = 0x9E37_79B9_7F4A_7C15_u64;
    while times.iter().any(|class| class.len() < each) {
        // Xorshift: the order must not follow anything else's.
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let class = usize::from(dice >> 63 == 1);
        let place = usize::try_from(dice >> 44).unwrap_or_default();
        let key = &shown[class][place % SHOWN];
        let begun = Instant::now();
        let refused = black_box(book.find(black_box(key), now)).is_err();
        let took = begun.elapsed().as_nanos();
        assert!(refused, "none of them is good");
        if times[class].len() < each {
            times[class].push(u32::try_from(took).unwrap_or(u32::MAX));
        }
    }
    println!("{each} keys whose beginning is known, {each} whose beginning is not");
    for percent in CROPS {
        let [known, unknown] = cropped(&times, percent).map(|class| Sample::of(&class));
        println!(
            "fastest {percent:>3} %: {:.1} ns and {:.1} ns, t = {:+.2}",
            known.mean,
            unknown.mean,
            known.welch(&unknown)
        );
    }
    Ok(())
}

struct Keys {
    book: KeyBook,
    right: String,
    random: Vec<String>,
}

impl Keys {
    fn new() -> Result<Self, Box<dyn Error>> {
        let mut keys = BTreeMap::new();
        let mut right = String::new();
        for n in 0..=KNOWN {
            let key = NewKey::generate()?;
            right = key.text().reveal().to_owned();
            let hash = Some(key.digest().hash(None));
            let config = KeyConfig {
                hash,
                ..KeyConfig::default()
            };
            keys.insert(format!("key-{n}"), config);
        }
        let table = KeyTable {
            origin: "here".to_owned(),
            keys,
        };
        let random = (0..SHOWN).map(|_| Ok(NewKey::generate()?.text().reveal().to_owned()));
        Ok(Self {
            book: KeyBook::build(None, vec![table])?,
            right,
            random: random.collect::<Result<_, Box<dyn Error>>>()?,
        })
    }

    /// The book, keys that begin as a good one, and keys that begin otherwise.
    fn split(self) -> (KeyBook, [Vec<String>; 2]) {
        /// `tg-`, eight digits and a hyphen.
        const BEGINNING: usize = 12;
        let beginning = |key: &str| key[..BEGINNING].to_owned();
        let beginnings = [beginning(&self.right), beginning(&self.random[0])];
        let shown = beginnings.map(|beginning| {
            let secrets = self.random.iter().map(|key| &key[BEGINNING..]);
            secrets.map(|secret| beginning.clone() + secret).collect()
        });
        (self.book, shown)
    }
}

/// The times that are below what so many percent of all are not above.
fn cropped(times: &[Vec<u32>; 2], percent: usize) -> [Vec<u32>; 2] {
    let mut all = times.concat();
    let last = (all.len() * percent).div_ceil(100).saturating_sub(1);
    let (_, most, _) = all.select_nth_unstable(last);
    let most = *most;
    let below = |class: &Vec<u32>| class.iter().copied().filter(|time| *time <= most).collect();
    [below(&times[0]), below(&times[1])]
}

struct Sample {
    mean: f64,
    variance: f64,
    count: f64,
}

impl Sample {
    fn of(times: &[u32]) -> Self {
        let count = times.len() as f64;
        let mean = times.iter().copied().map(f64::from).sum::<f64>() / count;
        let square = |time: &u32| (f64::from(*time) - mean).powi(2);
        Self {
            mean,
            variance: times.iter().map(square).sum::<f64>() / (count - 1.0),
            count,
        }
    }

    fn welch(&self, other: &Self) -> f64 {
        let error = self.variance / self.count + other.variance / other.count;
        (self.mean - other.mean) / error.sqrt()
    }
}
