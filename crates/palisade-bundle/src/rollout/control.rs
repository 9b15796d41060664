//! The port for operators: hands what they ask for to the thread that does it.

use std::sync::{Arc, Mutex, PoisonError};

use palisade_core::{BundleControl, BundleControlError, BundleControlFuture, BundleStatus};
use tokio::sync::oneshot;

use super::CommandSender;
use super::report::Report;

/// What comes of a command.
pub(super) type Reply = oneshot::Sender<Result<BundleStatus, BundleControlError>>;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Command {
    /// A watched directory has changed.
    Changed,
    /// Keep what is in force.
    Pin { reason: String, reply: Reply },
    /// Look for a new revision now, also at one that was refused before.
    Reload { reply: Reply },
    /// Go back.
    RollBack { version: u64, reason: String, reply: Reply },
    /// End.
    Stop,
    /// Follow the source again.
    Unpin { reason: String, reply: Reply },
}

/// Hands commands over.
#[derive(Debug)]
pub(super) struct Control {
    /// Held to send one command.
    sender: Mutex<CommandSender>,
    report: Arc<Report>,
}

impl Control {
    pub(super) const fn new(sender: CommandSender, report: Arc<Report>) -> Self {
        Self { sender: Mutex::new(sender), report }
    }

    /// Whether there is somebody to do it.
    pub(super) fn send(&self, command: Command) -> bool {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        sender.send(command).is_ok()
    }

    fn ask(&self, command: impl FnOnce(Reply) -> Command) -> BundleControlFuture<'_> {
        let (reply, answer) = oneshot::channel();
        let sent = self.send(command(reply));
        Box::pin(async move {
            match answer.await {
                Ok(answer) if sent => answer,
                Ok(_) | Err(_) => Err(BundleControlError::Stopping),
            }
        })
    }
}

impl BundleControl for Control {
    fn status(&self) -> BundleStatus {
        self.report.status()
    }

    fn reload(&self) -> BundleControlFuture<'_> {
        self.ask(|reply| Command::Reload { reply })
    }

    fn roll_back(&self, version: u64, reason: String) -> BundleControlFuture<'_> {
        self.ask(|reply| Command::RollBack { version, reason, reply })
    }

    fn pin(&self, reason: String) -> BundleControlFuture<'_> {
        self.ask(|reply| Command::Pin { reason, reply })
    }

    fn unpin(&self, reason: String) -> BundleControlFuture<'_> {
        self.ask(|reply| Command::Unpin { reason, reply })
    }
}
