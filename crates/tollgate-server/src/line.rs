//! Connections that can be cut from outside, whatever they wait for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::stall::Unstalled;

/// One connection. It fails when it is cut, or when its client takes nothing any
/// more. The server drops what it does for a connection that fails, so the
/// answers on it end too.
pub(crate) struct Line {
    stream: Unstalled<TcpStream>,
    // `None` once it is cut.
    cut: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Line {
    /// A connection until `cut` is ready, or until its client takes nothing for
    /// so long.
    pub(crate) fn new(
        stream: TcpStream,
        stall: Duration,
        cut: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        // Tokens are small and must not wait for each other.
        let _ = stream.set_nodelay(true);
        Self {
            stream: Unstalled::new(stream, stall),
            cut: Some(Box::pin(cut)),
        }
    }

    /// Fails when the line is cut; else sees to it that the task is woken then.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Some(cut) = &mut self.cut
            && cut.as_mut().poll(cx).is_pending()
        {
            return Ok(());
        }
        self.cut = None;
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
