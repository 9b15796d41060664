use std::sync::Arc;

use super::*;

fn case(name: &str, mismatches: &[&str]) -> CaseReport {
    CaseReport {
        name: name.to_owned(),
        file: Arc::from("tests/a.yaml"),
        line: Some(3),
        mismatches: mismatches.iter().map(|text| (*text).to_owned()).collect(),
    }
}

fn xml(cases: Vec<CaseReport>) -> String {
    TestReport { cases, uncovered: Vec::new() }.to_junit_xml("desk@1")
}

#[test]
fn a_report_has_a_suite_for_each_file_and_a_case_for_each_test() {
    let other = CaseReport { file: Arc::from("tests/b.json"), line: None, ..case("three", &[]) };
    let xml = xml(vec![case("one", &[]), case("two", &["want a", "want b"]), other]);
    assert_eq!(
        xml,
        "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"desk@1\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"0\">
  <testsuite name=\"tests/a.yaml\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"0\">
    <testcase classname=\"tests/a.yaml\" name=\"one\" file=\"tests/a.yaml\" line=\"3\"/>
    <testcase classname=\"tests/a.yaml\" name=\"two\" file=\"tests/a.yaml\" line=\"3\">
      <failure message=\"want a\">want a
want b</failure>
    </testcase>
  </testsuite>
  <testsuite name=\"tests/b.json\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\" time=\"0\">
    <testcase classname=\"tests/b.json\" name=\"three\" file=\"tests/b.json\"/>
  </testsuite>
</testsuites>
"
    );
}

#[test]
fn markup_and_line_breaks_in_names_are_no_markup() {
    let xml = xml(vec![case("a\n<b c=\"d\">&'\t\r", &["]]> & <"])]);
    assert!(xml.contains("name=\"a&#10;&lt;b c=&quot;d&quot;&gt;&amp;&apos;&#9;&#13;\""), "{xml}");
    assert!(xml.contains(">]]&gt; &amp; &lt;</failure>"), "{xml}");
}

#[test]
fn what_xml_cannot_say_is_spelt_out() {
    let xml = xml(vec![case("\0a\u{1b}[31m\u{ffff}é😀", &["\u{7}"])]);
    assert!(xml.contains("name=\"\\u{0}a\\u{1b}[31m\\u{ffff}é😀\""), "{xml}");
    assert!(xml.contains(">\\u{7}</failure>"), "{xml}");
    assert!(xml.chars().all(is_xml));
}
