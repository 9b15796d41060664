//! What may come of a condition when not everything it reads is known.

/// Which results a condition may have. Sound: a result that can come about is in here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Possible {
    pub(crate) holds: bool,
    pub(crate) does_not_hold: bool,
    pub(crate) fails: bool,
}

impl Possible {
    pub(crate) const ANYTHING: Self = Self { holds: true, does_not_hold: true, fails: true };
    pub(crate) const FAILS: Self = Self { holds: false, does_not_hold: false, fails: true };
    pub(crate) const HOLDS: Self = Self { holds: true, does_not_hold: false, fails: false };
    /// True or false, but it cannot fail; what an unknown scope constraint is.
    pub(crate) const OPEN: Self = Self { holds: true, does_not_hold: true, fails: false };

    pub(crate) const fn known(holds: bool) -> Self {
        Self { holds, does_not_hold: !holds, fails: false }
    }

    /// `self && next`, with Cedar's rule that the right side counts only if the left one holds.
    pub(crate) fn and_then(self, next: impl FnOnce() -> Self) -> Self {
        if !self.holds {
            return self;
        }
        let next = next();
        Self {
            holds: next.holds,
            does_not_hold: self.does_not_hold || next.does_not_hold,
            fails: self.fails || next.fails,
        }
    }

    /// `self || next`, with Cedar's rule that the right side counts only if the left one does not
    /// hold.
    pub(crate) fn or_else(self, next: impl FnOnce() -> Self) -> Self {
        self.not().and_then(|| next().not()).not()
    }

    pub(crate) const fn not(self) -> Self {
        Self { holds: self.does_not_hold, does_not_hold: self.holds, fails: self.fails }
    }

    pub(crate) const fn always_holds(self) -> bool {
        self.holds && !self.does_not_hold && !self.fails
    }

    /// Whether there is only one result it can have.
    pub(crate) const fn is_certain(self) -> bool {
        self.always_holds() || self.not().always_holds() || self.always_fails()
    }

    pub(crate) const fn always_fails(self) -> bool {
        self.fails && !self.holds && !self.does_not_hold
    }
}
