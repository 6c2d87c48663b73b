//! A process that is measured: on a core of its own, gone when it is dropped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::BenchError;

/// Where upstream and load run, as taskset names it.
pub(crate) const LOAD_CORE: &str = "1";

/// Where what is measured runs.
const MEASURED_CORE: &str = "0";

/// What `/proc` counts CPU time in: the `USER_HZ` of Linux, the same everywhere.
const TICK: Duration = Duration::from_millis(10);

pub(crate) struct Measured {
    child: Child,
}

impl Measured {
    /// Starts a program that finds nothing in its environment but a home.
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        home: &Path,
    ) -> Result<Self, BenchError> {
        let mut command = Command::new("taskset");
        command.args(["-c", MEASURED_CORE]).arg(program);
        let child = Self::spawn(command, arguments, home);
        child.map_err(BenchError::io("start `taskset`; it comes with util-linux"))
    }

    /// The same on whatever core there is.
    pub(crate) fn start_anywhere(
        program: &Path,
        arguments: &[&str],
        home: &Path,
    ) -> Result<Self, BenchError> {
        let child = Self::spawn(Command::new(program), arguments, home);
        child.map_err(BenchError::io(format!("start {}", program.display())))
    }

    fn spawn(mut command: Command, arguments: &[&str], home: &Path) -> io::Result<Self> {
        let child = command
            .args(arguments)
            .env_clear()
            .env("HOME", home)
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self { child })
    }

    /// Files and sockets that are open.
    pub(crate) fn open_files(&self) -> Result<usize, BenchError> {
        let path = self.proc("fd");
        let entries = std::fs::read_dir(&path);
        let entries = entries.map_err(BenchError::io(format!("read {}", path.display())))?;
        Ok(entries.count())
    }

    /// Tells it to stop, and waits until it has ended. Whether it ended well.
    pub(crate) fn stop(mut self) -> Result<bool, BenchError> {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        told.map_err(BenchError::io("start `kill`"))?;
        let status = self.child.wait();
        let status = status.map_err(BenchError::io("wait for the end of the gateway"))?;
        Ok(status.success())
    }

    /// CPU time so far, of all threads, in user space and in the kernel.
    pub(crate) fn cpu(&self) -> Result<Duration, BenchError> {
        let path = self.proc("stat");
        let text = read(&path)?;
        let ticks = ticks(&text).ok_or(BenchError::Proc {
            path,
            field: "utime",
        })?;
        Ok(TICK * ticks)
    }

    /// Memory that is resident, in MiB.
    pub(crate) fn resident(&self) -> Result<f64, BenchError> {
        let path = self.proc("status");
        let text = read(&path)?;
        let field = "VmRSS";
        resident(&text).ok_or(BenchError::Proc { path, field })
    }

    fn proc(&self, file: &str) -> PathBuf {
        format!("/proc/{}/{file}", self.child.id()).into()
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        // One that has ended by itself has said why.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address where nothing listens, as far as can be known.
pub(crate) fn free_address() -> Result<SocketAddr, BenchError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    address.map_err(BenchError::io("find a free port"))
}

fn read(path: &Path) -> Result<String, BenchError> {
    std::fs::read_to_string(path).map_err(BenchError::io(format!("read {}", path.display())))
}

/// The sum of `utime` and `stime`, fields 14 and 15. The second field is the
/// name of the program in brackets, which can hold anything.
fn ticks(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    Some(times.next()?.ok()? + times.next()?.ok()?)
}

fn resident(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(f64::from(kibibytes) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_that_of_user_and_kernel_whatever_the_name() {
        let stat = "42 (a) (b 7) S 1 2 3 4 5 6 7 8 9 10 300 45 8 9 20 0 5 0";
        assert_eq!(ticks(stat), Some(345));
        assert_eq!(ticks("42 (a) S 1 2"), None);
    }

    #[test]
    fn resident_memory_is_told_in_mebibytes() {
        assert_eq!(resident("VmHWM:\t  90 kB\nVmRSS:\t  2048 kB\n"), Some(2.0));
        assert_eq!(resident("VmHWM:\t  90 kB\n"), None);
    }
}
