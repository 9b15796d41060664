//! The renderings of a matrix, with names that try to break out of them.

use palisade_core::{BundleName, Sha256Digest};

use super::*;

fn matrix(subject: &str, tools: usize) -> Matrix {
    let tool = |number| Column {
        name: ToolName::new(format!("crm.tool_{number}")).expect("a name"),
        tier: Tier::ReadOnly,
    };
    let prospects = [Prospect::Allow, Prospect::Challenge, Prospect::Deny, Prospect::Depends];
    let cell = |number: usize| Cell {
        prospect: prospects[number % 4],
        sentence: "<b>\"why\"</b>".to_owned(),
        policies: vec!["p&q".to_owned()],
    };
    let chain = chain(&format!("user:corp:{subject}")).expect("a chain");
    Matrix {
        revision: Revision {
            bundle: BundleName::new("sample").expect("a name"),
            version: 1,
            digest: Sha256Digest::of(b""),
        },
        tools: (0..tools).map(tool).collect(),
        rows: vec![Row { chain, cells: (0..tools).map(cell).collect() }],
    }
}

#[test]
fn a_narrow_table_names_its_tools() {
    let table = render::table(&matrix("alice", 4));
    let expected = [
        "                 crm.tool_0  crm.tool_1  crm.tool_2  crm.tool_3",
        "user:corp:alice  allow       challenge   deny        depends",
        "",
        "sample@1 (e3b0c44298fc)",
        "",
    ];
    assert_eq!(table, expected.join("\n"));
}

#[test]
fn a_wide_table_numbers_its_tools() {
    let table = render::table(&matrix("alice", 12));
    assert!(table.starts_with("  1  crm.tool_0 (tier 1)\n"), "{table}");
    assert!(table.contains("\n 12  crm.tool_11 (tier 1)\n\n"), "{table}");
    assert!(table.contains("user:corp:alice  allow      challenge  deny       depends"), "{table}");
}

#[test]
fn csv_quotes_what_has_to_be() {
    let csv = render::csv(&matrix("a \"b\"", 1));
    assert_eq!(csv, "principal,crm.tool_0\r\n\"user:corp:a \"\"b\"\"\",allow\r\n");
}

#[test]
fn html_escapes_everything_and_has_no_script() {
    let html = render::html(&matrix("<script>alert('1')</script>", 1));
    assert!(!html.contains("<script"), "{html}");
    assert!(html.contains("user:corp:&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"), "{html}");
    assert!(html.contains("title=\"&lt;b&gt;&quot;why&quot;&lt;/b&gt; (p&amp;q)\""), "{html}");
}

#[test]
fn chains_are_read_head_first_and_bounded() {
    let read = chain("user:corp:alice,agent:corp:bot").expect("a chain");
    assert_eq!(read.links()[0].kind, ActorKind::User);
    assert!(chain("").is_err());
    assert!(chain(&["user:corp:a"; 8].join(",")).is_ok());
    assert!(chain(&["user:corp:a"; 9].join(",")).is_err());
}
