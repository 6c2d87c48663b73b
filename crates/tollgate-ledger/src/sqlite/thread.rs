use std::path::{Path, PathBuf};
use std::sync::mpsc;

use tokio::sync::oneshot;
use tollgate_core::StoreError;

use super::open::Opened;
use crate::OpenError;

type Job = Box<dyn FnOnce(&mut Opened) + Send>;

/// A thread that owns the connection and does one job after the other. It ends
/// when this handle is dropped and its last job is done.
pub(super) struct Thread {
    jobs: mpsc::Sender<Job>,
}

impl Thread {
    pub(super) async fn start(
        path: &Path,
        open: impl FnOnce(&Path) -> Result<Opened, OpenError> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (report, opened) = oneshot::channel();
        let file = PathBuf::from(path);
        std::thread::Builder::new()
            .name("tollgate-ledger".into())
            .spawn(move || match open(&file) {
                Ok(opened) => {
                    let _ = report.send(Ok(()));
                    work(opened, &todo);
                }
                Err(error) => {
                    let _ = report.send(Err(error));
                }
            })
            .map_err(|source| io(path, source))?;
        match opened.await {
            Ok(result) => result.map(|()| Self { jobs }),
            Err(_) => Err(io(path, std::io::Error::other("the store's thread ended"))),
        }
    }

    /// Does a job on the thread. Dropping the future does not stop the job.
    pub(super) async fn run<T, E>(
        &self,
        action: &'static str,
        job: impl FnOnce(&mut Opened) -> Result<T, E> + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let (report, done) = oneshot::channel();
        let job: Job = Box::new(move |opened| {
            let result = job(opened);
            // Before anybody hears of a commit: its time runs from here.
            opened.observe();
            let _ = report.send(result);
        });
        let ended = |_| StoreError::new(action, "the store's thread ended");
        self.jobs.send(job).map_err(|_| ended(()))?;
        done.await
            .map_err(|_| ended(()))?
            .map_err(|source| StoreError::new(action, source))
    }
}

fn work(mut opened: Opened, todo: &mpsc::Receiver<Job>) {
    while let Ok(job) = todo.recv() {
        job(&mut opened);
        opened.catch_up();
    }
}

fn io(path: &Path, source: std::io::Error) -> OpenError {
    OpenError::Io {
        path: path.into(),
        source,
    }
}
