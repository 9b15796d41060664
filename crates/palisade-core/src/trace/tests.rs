//! `traceparent` headers, good and bad.

use super::*;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

#[test]
fn reads_a_header() {
    let context = TraceContext::parse(&format!("00-{TRACE}-{SPAN}-01")).expect("a context");
    assert_eq!(context.trace.to_string(), TRACE);
    assert_eq!(context.span.to_string(), SPAN);
    assert!(context.sampled);
    let context = TraceContext::parse(&format!("00-{TRACE}-{SPAN}-02")).expect("a context");
    assert!(!context.sampled);
    // A version to come, with a field more.
    assert!(TraceContext::parse(&format!("01-{TRACE}-{SPAN}-01-what-else")).is_some());
}

#[test]
fn takes_nothing_else() {
    let zero = "0".repeat(32);
    for text in [
        String::new(),
        format!("00-{TRACE}-{SPAN}"),
        format!("00-{TRACE}-{SPAN}-01-more"),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("ff-{TRACE}-{SPAN}-01-more"),
        format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
        format!("00-{zero}-{SPAN}-01"),
        format!("00-{TRACE}-0000000000000000-01"),
        format!("00-{TRACE}-{SPAN}-1"),
        format!("00-{TRACE}-{SPAN}-0x"),
        format!("00-{TRACE}é-{SPAN}-01"),
    ] {
        assert_eq!(TraceContext::parse(&text), None, "{text}");
    }
}
