//! What the looking at one text may cost.
//!
//! Texts come from callers who may mean harm, and the thread that looks at them answers
//! decisions. So everything whose cost grows with the text is paid for out of one budget before
//! it is done, in steps of about a nanosecond of an optimised build. The budget is linear in the
//! length of the text. Whoever has used it up stops, and the text is masked whole: dear text is
//! either made to be dear or full of what must be masked.

use std::cell::Cell;

/// The budget of one text, over all rounds and all encodings.
#[derive(Debug)]
pub(crate) struct Work {
    left: Cell<usize>,
    #[cfg(test)]
    refused: Cell<usize>,
    #[cfg(test)]
    spent: Cell<usize>,
    exhausted: Cell<bool>,
}

// LIMIT: the steps for one text. Ordinary text takes 5 to 60 a byte.
const STEPS: usize = 40_000;
const STEPS_PER_BYTE: usize = 200;

// LIMIT: beyond this length a byte brings fewer steps, so that a text of 1 MiB takes an eighth of
// a second at most and not a quarter. Ordinary text is still looked at to its end.
const BYTES_FULL: usize = 64 * 1024;
const STEPS_PER_BYTE_BEYOND: usize = 120;

/// The budget of a text of so many bytes.
pub(crate) fn budget(bytes: usize) -> usize {
    let full = bytes.min(BYTES_FULL);
    let beyond = (bytes - full).saturating_mul(STEPS_PER_BYTE_BEYOND);
    full.saturating_mul(STEPS_PER_BYTE).saturating_add(beyond).saturating_add(STEPS)
}

impl Work {
    /// For a text of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self::with_steps(budget(bytes))
    }

    pub(crate) fn with_steps(steps: usize) -> Self {
        Self {
            left: Cell::new(steps),
            #[cfg(test)]
            refused: Cell::new(0),
            #[cfg(test)]
            spent: Cell::new(0),
            exhausted: Cell::new(false),
        }
    }

    /// Pays for what is about to be done; `false` if it must not be done.
    #[inline]
    #[must_use]
    pub(crate) fn pay(&self, steps: usize) -> bool {
        let left = self.left.get().checked_sub(steps).filter(|_| !self.exhausted.get());
        if let Some(left) = left {
            #[cfg(test)]
            self.spent.set(self.spent.get() + steps);
            self.left.set(left);
            return true;
        }
        #[cfg(test)]
        self.refused.set(self.refused.get() + 1);
        self.exhausted.set(true);
        false
    }

    /// Something was left undone; nothing may be concluded from what was found.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted.get()
    }

    /// How often someone asked in vain.
    #[cfg(test)]
    pub(crate) fn refused(&self) -> usize {
        self.refused.get()
    }

    #[cfg(test)]
    pub(crate) fn spent(&self) -> usize {
        self.spent.get()
    }
}
