//! Reads server-sent events (WHATWG HTML, section 9.2) as far as MCP uses them: their data.

use std::io::{self, BufRead, Read};

/// Reads events from a stream; memory is bounded by `event_bytes_max`.
#[derive(Debug)]
pub(super) struct EventReader<R> {
    stream: R,
    event_bytes_max: usize,
}

impl<R: BufRead> EventReader<R> {
    pub(super) const fn new(stream: R, event_bytes_max: usize) -> Self {
        Self { stream, event_bytes_max }
    }

    /// The data of the next event that has any; `None` at the end of the stream. What stands
    /// after the last empty line is no event and is dropped, as the standard says.
    pub(super) fn next_data(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut data: Option<Vec<u8>> = None;
        let mut bytes = 0;
        loop {
            let line = self.line()?;
            let Some(line) = line else { return Ok(None) };
            bytes += line.len();
            if bytes > self.event_bytes_max {
                return Err(io::Error::other("an event is too large"));
            }
            if line.is_empty() {
                match data.take() {
                    Some(data) => return Ok(Some(data)),
                    None => continue,
                }
            }
            let Some(value) = line.strip_prefix(b"data:") else { continue };
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match &mut data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => data = Some(value.to_vec()),
            }
        }
    }

    /// One line without its end (`\n` or `\r\n`); `None` at the end of the stream.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        // One byte more than allowed shows that the line is too long.
        let limit = u64::try_from(self.event_bytes_max).unwrap_or(u64::MAX).saturating_add(2);
        self.stream.by_ref().take(limit).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        Ok(Some(line))
    }
}
