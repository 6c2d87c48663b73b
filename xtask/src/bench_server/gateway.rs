//! The gateway as it runs in earnest: routing over the whole catalog, a ledger
//! on disk, metrics, and a caller with a key that has limits.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::BenchError;
use super::child::{Measured, free_address};
use super::load::{KEY, Load};

/// Longest time for a process to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is asked whether it does.
const BETWEEN: Duration = Duration::from_millis(1);

/// A folder with all that a gateway keeps; it is gone when this is dropped.
pub(crate) struct Home {
    name: &'static str,
    folder: PathBuf,
    program: PathBuf,
    set: Vec<String>,
}

impl Home {
    /// A home for a gateway, which takes these `KEY=VALUE` before its file.
    pub(crate) fn new(
        name: &'static str,
        program: PathBuf,
        set: &[String],
        upstream: SocketAddr,
    ) -> Result<Self, BenchError> {
        let folder = format!("tollgate-bench-{}-{name}", std::process::id());
        let home = Self {
            name,
            folder: std::env::temp_dir().join(folder),
            program,
            set: set.to_vec(),
        };
        let write = || {
            std::fs::create_dir_all(&home.folder)?;
            std::fs::write(home.folder.join("tollgate.toml"), config(upstream))
        };
        write().map_err(BenchError::io("write the gateway's configuration"))?;
        Ok(home)
    }

    /// Where it keeps what it keeps.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name in the table.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Starts the gateway, and says how long it took to its first good answer.
    pub(crate) async fn start(&self) -> Result<(Measured, SocketAddr, Duration), BenchError> {
        let address = free_address()?;
        let listen = address.to_string();
        let mut arguments = vec!["serve", "--listen", &listen];
        arguments.extend(self.set.iter().flat_map(|set| ["--set", set]));
        let begun = Instant::now();
        let process = Measured::start(&self.program, &arguments, &self.folder)?;
        until_answered(address).await?;
        Ok((process, address, begun.elapsed()))
    }

    /// Runs a gateway until what it keeps is on disk: its ledger and catalog.
    pub(crate) async fn fill(&self) -> Result<(), BenchError> {
        let (_running, address, _) = self.start().await?;
        let cache = self.folder.join(CACHE);
        let begun = Instant::now();
        while !cache.exists() {
            if begun.elapsed() > PATIENCE {
                return Err(BenchError::Silent { address });
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Ok(())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Asks until there is a good answer.
pub(crate) async fn until_answered(address: SocketAddr) -> Result<(), BenchError> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        // Before it listens, there is no connection to ask over.
        if let Ok(mut load) = Load::connect(address).await {
            return load.whole().await;
        }
        tokio::time::sleep(BETWEEN).await;
    }
    Err(BenchError::Silent { address })
}

const CACHE: &str = "catalog.json";

/// Limits that are counted and never reached.
fn config(upstream: SocketAddr) -> String {
    format!(
        r#"[openrouter]
api_key = "sk-or-v1-not-a-real-key-000"
base_url = "http://{upstream}/api/v1"

[catalog]
cache_path = "{CACHE}"

[keys.load]
key = "{KEY}"
requests_per_minute = 100000000
tokens_per_minute = 1000000000000
max_concurrent = 10000
budget = {{ limit = 1000000, per = "day" }}
"#
    )
}
