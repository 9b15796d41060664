//! What changes between two texts, as a unified diff.

use std::fmt::Write as _;

/// Lines around a change.
const CONTEXT: usize = 3;

/// The diff from `old` to `new`, as one hunk from the first line that differs to the last.
///
/// One hunk rather than a minimal edit script: what it is for is to be read, and to be taken by
/// `patch`, for files that a formatter touches in few places.
pub(super) fn diff(name: &str, old: &str, new: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let same_start = before.iter().zip(&after).take_while(|(one, other)| one == other).count();
    let most = before.len().min(after.len()) - same_start;
    let ends = before.iter().rev().zip(after.iter().rev());
    let same_end = ends.take(most).take_while(|(one, other)| one == other).count();

    let start = same_start.saturating_sub(CONTEXT);
    let trailing = same_end.min(CONTEXT);
    let old_end = before.len() - same_end;
    let new_end = after.len() - same_end;
    let mut text = format!("--- {name}\n+++ {name}\n");
    let head = |start: usize, end: usize| {
        let count = end + trailing - start;
        // A range without lines is named by the line before it.
        format!("{},{count}", if count == 0 { start } else { start + 1 })
    };
    let mut push = |mark: char, lines: &[&str]| {
        for line in lines {
            let end = if line.ends_with('\n') { "" } else { "\n\\ No newline at end of file\n" };
            // Writing to a string cannot fail.
            let _written: std::fmt::Result = write!(text, "{mark}{line}{end}");
        }
    };
    push('@', &[&format!("@ -{} +{} @@\n", head(start, old_end), head(start, new_end))]);
    push(' ', before.get(start..same_start).unwrap_or_default());
    push('-', before.get(same_start..old_end).unwrap_or_default());
    push('+', after.get(same_start..new_end).unwrap_or_default());
    push(' ', before.get(old_end..old_end + trailing).unwrap_or_default());
    text
}
