use super::*;

#[test]
fn a_path_is_read_by_who_reads_it_or_part_of_it_or_all_around_it() {
    assert!(is_within("context.args.amount", "context.args.amount"));
    assert!(is_within("context.args.target.host", "context.args.target"));
    assert!(is_within("context.args", "context.args.amount"));
    assert!(is_within("context.args[\"a b\"]", "context.args"));
    assert!(!is_within("context.args.amounts", "context.args.amount"));
    assert!(!is_within("context.args.comment", "context.args.amount"));
}
