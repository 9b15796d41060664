//! A connection, with TLS or without, for both of its ends.

use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use tokio_util::either::Either;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// A connection. That it is a type of its own is for [`Connected`] alone.
#[derive(Debug)]
pub(crate) struct Stream(Either<TcpStream, Box<TlsStream<TcpStream>>>);

impl Stream {
    /// A server's end.
    pub(crate) async fn accept(
        socket: TcpStream,
        tls: Option<Arc<ServerConfig>>,
    ) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let Some(tls) = tls else { return Ok(Self(Either::Left(socket))) };
        let stream = TlsAcceptor::from(tls).accept(socket).await?;
        Ok(Self(Either::Right(Box::new(stream.into()))))
    }

    /// A client's end, to a port of 127.0.0.1.
    pub(crate) async fn connect(port: u16, tls: Option<Arc<ClientConfig>>) -> io::Result<Self> {
        let address = Ipv4Addr::LOCALHOST;
        let socket = TcpStream::connect((address, port)).await?;
        socket.set_nodelay(true)?;
        let Some(tls) = tls else { return Ok(Self(Either::Left(socket))) };
        let name = ServerName::IpAddress(address.into());
        let stream = TlsConnector::from(tls).connect(name, socket).await?;
        Ok(Self(Either::Right(Box::new(stream.into()))))
    }
}

impl Connected for Stream {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        match &self.0 {
            Either::Left(socket) => socket.connect_info(),
            Either::Right(stream) => stream.get_ref().0.connect_info(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
