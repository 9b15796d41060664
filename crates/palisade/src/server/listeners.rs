//! Binds sockets so that nobody else can connect before they are meant to.
//!
//! A Unix socket gets its permissions before it gets its name: it is bound in a fresh private
//! directory and moved from there. A socket file that a dead server left behind is replaced; one
//! that is answered on is not.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

/// Only the server's own user may connect.
pub(super) const OWNER_ONLY: u32 = 0o600;

/// The socket's group may connect as well, so that a gateway need not run as the same user.
pub(super) const OWNER_AND_GROUP: u32 = 0o660;

/// Others may write; everybody's files are their own, as in `/tmp`.
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// A socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Something else answers there.
    #[error("`{}` is in use by another process", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is no socket is in the way.
    #[error("`{}` exists and is no socket; it is left alone", path.display())]
    NotASocket {
        /// What is in the way.
        path: PathBuf,
    },
    /// TCP.
    #[error("cannot listen on {address}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Unix sockets.
    #[error("cannot listen on `{}`", path.display())]
    Unix {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Somebody else could put another socket in the place of ours.
    #[error(
        "others may write to the directory `{}`, or own it, and so replace the socket in it",
        directory.display()
    )]
    UnsafeDirectory {
        /// The directory.
        directory: PathBuf,
    },
}

/// The file of a socket that we bound; removed when dropped, unless another has taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours =
            |metadata: &Metadata| metadata.dev() == self.device && metadata.ino() == self.inode;
        if fs::symlink_metadata(&self.path).is_ok_and(|metadata| ours(&metadata))
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the socket file is left behind");
        }
    }
}

pub(super) async fn bind_tcp(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let failed = |source| BindError::Tcp { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Binds a Unix socket with these permissions. Directories that are missing are made, for the
/// server's user only. Must be called within a runtime.
pub(super) fn bind_unix(path: &Path, mode: u32) -> Result<(UnixListener, SocketFile), BindError> {
    let failed = |source| BindError::Unix { path: path.to_owned(), source };
    let Some(directory) = path.parent() else {
        return Err(failed(ErrorKind::InvalidInput.into()));
    };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let private = PrivateDirectory::create(directory).map_err(failed)?;
    if !private.is_safe_in(directory).map_err(failed)? {
        return Err(BindError::UnsafeDirectory { directory: directory.to_owned() });
    }
    make_way(path)?;
    let bind = || -> io::Result<(UnixListener, SocketFile)> {
        let hidden = private.path.join("s");
        let listener = StdUnixListener::bind(&hidden)?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(&hidden, Permissions::from_mode(mode))?;
        fs::rename(&hidden, path)?;
        let metadata = fs::symlink_metadata(path)?;
        let (device, inode) = (metadata.dev(), metadata.ino());
        let file = SocketFile { path: path.to_owned(), device, inode };
        Ok((UnixListener::from_std(listener)?, file))
    };
    bind().map_err(failed)
}

/// Checks that nobody answers at `path` and that nothing but a dead socket is there. Moving ours
/// to the path then replaces that.
fn make_way(path: &Path) -> Result<(), BindError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(BindError::Unix { path: path.to_owned(), source }),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(BindError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        // Answered, or somebody else's: either way not ours to replace.
        Ok(_) | Err(_) => Err(BindError::InUse { path: path.to_owned() }),
    }
}

/// A directory that only we can enter; removed when dropped.
struct PrivateDirectory {
    path: PathBuf,
}

impl PrivateDirectory {
    fn create(parent: &Path) -> io::Result<Self> {
        let path = parent.join(format!(".p{}", std::process::id()));
        // Left behind by a process with our number that died in the middle of this.
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path })
    }

    /// Whether only we and the system's administrator can replace files in the directory around.
    fn is_safe_in(&self, parent: &Path) -> io::Result<bool> {
        let us = fs::metadata(&self.path)?.uid();
        let parent = fs::metadata(parent)?;
        let owned = parent.uid() == us || parent.uid() == 0;
        let closed = parent.mode() & OTHERS_WRITE == 0 || parent.mode() & STICKY != 0;
        Ok(owned && closed)
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a directory is left behind");
        }
    }
}

#[cfg(test)]
mod tests;
