//! Keeps the blank lines after comments, which set the comment of a file apart from the comment of
//! its first policy. Cedar's formatter drops them.

/// Stands for a blank line while a text is formatted: a comment, because those are kept.
const MARK: &str = "//\u{1}blank";

/// The text with a mark on every blank line that comes after a comment and before something.
///
/// Marks are lines of their own and are put on blank lines only, so even one within a string
/// becomes again what it was.
pub(super) fn mark(text: &str) -> String {
    if text.contains(MARK) {
        // Nobody has written it; if somebody has, blank lines are not worth the confusion.
        return text.to_owned();
    }
    let mut marked = String::with_capacity(text.len());
    let mut after_comment = false;
    let mut blank = 0_usize;
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            blank += 1;
            continue;
        }
        let mark = if after_comment { MARK } else { "" };
        for _ in 0..blank {
            marked.push_str(mark);
            marked.push('\n');
        }
        blank = 0;
        marked.push_str(line);
        after_comment = line.trim_start().starts_with("//");
    }
    marked
}

/// The text with blank lines in the place of marks.
pub(super) fn unmark(text: &str) -> String {
    let line = |line: &str| if line.trim() == MARK { "\n".to_owned() } else { line.to_owned() };
    text.split_inclusive('\n').map(line).collect()
}
