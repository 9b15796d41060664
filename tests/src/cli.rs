//! The command line, run in this process.

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use palisade::config::Environment;
use palisade::{Exit, Output};

/// How a command ended and what it wrote.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code.
    pub exit: Exit,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

/// Runs `palisade` with these arguments and an empty environment.
pub fn palisade(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Ended {
    let arguments = arguments.into_iter().map(Into::into);
    let (out, err) = (Buffer::default(), Buffer::default());
    let mut output = Output::new(Box::new(out.clone()), Box::new(err.clone()));
    let all = std::iter::once(OsString::from("palisade")).chain(arguments);
    let exit = palisade::cli::run(all, Environment::new(), &mut output);
    Ended { exit, out: out.text(), err: err.text() }
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).expect("commands write UTF-8")
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
