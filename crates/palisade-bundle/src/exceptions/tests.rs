use palisade_core::limits::EXCEPTIONS_MAX;
use palisade_core::{EpochMillis, FactSources, Problems};

use crate::parsed::ParsedBundle;
use crate::raw::RawBundle;

const POLICIES: &str = "\
@id(\"all\") permit (principal, action, resource);
@id(\"no\") @reason(\"r\") forbid (principal, action == Action::\"crm.read\", resource);
@id(\"watch\") @reason(\"r\") @mode(\"shadow\") forbid (principal, action, resource);
@id(\"group\") @reason(\"r\") forbid (principal == ?principal, action, resource);
";

const LINKS: &str = "links: [{ id: no-eve, template: group, principal: 'User::\"corp:eve\"' }]";

const GOOD: &str = "\
- id: INC-1
  policy: no
  principal: user:corp:alice
  tool: crm.read
  until: 2026-06-01T00:00:00Z
  reason: the other way is broken
  ticket: INC-1
";

fn parse(exceptions: &str) -> Result<ParsedBundle, Problems> {
    parse_with(&[("exceptions.yaml", exceptions)])
}

fn parse_with(more: &[(&str, &str)]) -> Result<ParsedBundle, Problems> {
    let mut files = vec![
        ("bundle.yaml", "format: 1\nname: sample\nversion: 1\nissuers: { corp: https://idp }\n"),
        (
            "catalog.yaml",
            "format: 1\nsegments: [office]\nservices: { crm: { segment: office } }\n\
             tools:\n  crm.read: { tier: 1, effect: read }\n  crm.note: { tier: 1, effect: read }\n",
        ),
        ("policies/a.cedar", POLICIES),
        ("policies/links.yaml", LINKS),
    ];
    files.extend(more);
    RawBundle::of(&files).parse().map(|(parsed, _)| parsed)
}

/// The codes and the texts they are about.
fn found<'a>(text: &'a str, problems: &'a Problems) -> Vec<(&'static str, &'a str)> {
    let found = problems.0.iter().filter(|problem| problem.code.starts_with("exception."));
    let found = found.map(|problem| {
        assert_eq!(problem.file.as_deref(), Some("exceptions.yaml"), "{problem}");
        let span = problem.span.clone().unwrap_or_else(|| panic!("{problem} has a place"));
        (problem.code, text.get(span).unwrap())
    });
    found.collect()
}

fn unread(from: &str, to: &str) -> Vec<(&'static str, String)> {
    let text = GOOD.replace(from, to);
    let problems = parse(&text).unwrap_err();
    found(&text, &problems).into_iter().map(|(code, text)| (code, text.to_owned())).collect()
}

#[test]
fn an_exception_is_read_whole() {
    let parsed = parse(GOOD).unwrap();
    let [exception] = parsed.sources.exceptions.as_slice() else { panic!("one exception") };
    assert_eq!(&*exception.id, "INC-1");
    assert_eq!(exception.policy.as_str(), "no");
    assert_eq!(exception.principal.to_string(), "User::\"corp:alice\"");
    assert_eq!(exception.tool, "crm.read");
    assert_eq!(exception.until, EpochMillis::parse_rfc3339("2026-06-01T00:00:00Z").unwrap());
    assert_eq!(&*exception.reason, "the other way is broken");
    assert_eq!(&*exception.ticket, "INC-1");
}

#[test]
fn no_file_an_empty_file_and_one_of_comments_are_no_exceptions() {
    for text in ["", " \n", "# none at present\n", "[]"] {
        assert!(parse(text).unwrap().sources.exceptions.is_empty(), "{text:?}");
    }
    assert!(parse_with(&[]).unwrap().sources.exceptions.is_empty());
}

#[test]
fn every_part_is_checked_at_its_place() {
    for (from, to, code, place) in [
        ("id: INC-1", "id: INC/1", "exception.bad_id", "INC/1"),
        ("id: INC-1", "id: \"\"", "exception.bad_id", "\"\""),
        ("user:corp:alice", "alice", "exception.bad_principal", "alice"),
        ("user:corp:alice", "group:corp:staff", "exception.bad_principal", "group:corp:staff"),
        ("2026-06-01T00:00:00Z", "tomorrow", "exception.bad_until", "tomorrow"),
        (
            "2026-06-01T00:00:00Z",
            "2026-06-31T00:00:00Z",
            "exception.bad_until",
            "2026-06-31T00:00:00Z",
        ),
        ("the other way is broken", "\" \"", "exception.bad_reason", "\" \""),
        ("ticket: INC-1", "ticket: \"\"", "exception.bad_ticket", "\"\""),
    ] {
        assert_eq!(unread(from, to), [(code, place.to_owned())], "{from} -> {to}");
    }
}

#[test]
fn lengths_are_accepted_up_to_their_limit() {
    let with = |id: usize, reason: usize, ticket: usize| {
        let text = GOOD
            .replace("id: INC-1", &format!("id: {}", "i".repeat(id)))
            .replace("the other way is broken", &"r".repeat(reason))
            .replace("ticket: INC-1", &format!("ticket: {}", "t".repeat(ticket)));
        parse(&text).map_err(|problems| problems.0.iter().map(|p| p.code).collect::<Vec<_>>())
    };
    assert!(with(64, 512, 128).is_ok());
    assert_eq!(with(65, 512, 128).unwrap_err(), ["exception.bad_id"]);
    assert_eq!(with(64, 513, 128).unwrap_err(), ["exception.bad_reason"]);
    assert_eq!(with(64, 512, 129).unwrap_err(), ["exception.bad_ticket"]);
}

#[test]
fn a_field_that_is_unknown_or_missing_is_an_error() {
    for text in [GOOD.replace("  ticket: INC-1\n", ""), format!("{GOOD}  approvers: me\n")] {
        let problems = parse(&text).unwrap_err();
        assert_eq!(problems.0.len(), 1, "{problems}");
        assert_eq!(problems.0[0].code, "yaml.invalid");
    }
}

#[test]
fn an_id_stands_once() {
    let text = format!("{GOOD}{GOOD}");
    let problems = parse(&text).unwrap_err();
    assert_eq!(found(&text, &problems), [("exception.duplicate_id", "INC-1")]);
    assert_eq!(problems.0[0].message, "the exception `INC-1` stands in line 1 already");
}

#[test]
fn a_bundle_has_so_many_exceptions_and_no_more() {
    let text = |count: usize| -> String {
        (0..count).map(|i| GOOD.replace("id: INC-1", &format!("id: e{i}"))).collect()
    };
    assert_eq!(parse(&text(EXCEPTIONS_MAX)).unwrap().sources.exceptions.len(), EXCEPTIONS_MAX);
    let text = text(EXCEPTIONS_MAX + 1);
    let problems = parse(&text).unwrap_err();
    assert_eq!(found(&text, &problems), [("exception.too_many", "e256")]);
}

#[test]
fn an_exception_about_nothing_there_is_keeps_the_bundle_from_loading() {
    let text = GOOD.replace("policy: no", "policy: on").replace("crm.read", "crm.*")
        + &GOOD.replace("INC-1", "b").replace("policy: no", "policy: all")
        + &GOOD.replace("INC-1", "c").replace("policy: no", "policy: watch")
        + &GOOD.replace("INC-1", "d").replace("policy: no", "policy: group")
        + &GOOD.replace("INC-1", "e").replace("user:corp", "user:crop");
    let problems = parse(&text).unwrap().validate(FactSources::default()).unwrap_err();
    assert_eq!(
        found(&text, &problems),
        [
            ("exception.unknown_policy", "on"),
            ("exception.unknown_tool", "crm.*"),
            ("exception.not_a_forbid", "all"),
            ("exception.shadow_policy", "watch"),
            ("exception.unknown_policy", "group"),
            ("exception.unknown_issuer", "user:crop:alice"),
        ]
    );
}

#[test]
fn an_issuer_is_named_by_its_alias() {
    let text = GOOD.replace("user:corp:alice", "'user:https://idp:alice'");
    let problems = parse(&text).unwrap().validate(FactSources::default()).unwrap_err();
    assert_eq!(found(&text, &problems)[0].0, "exception.unknown_issuer");
}

#[test]
fn a_link_of_a_template_can_be_lifted() {
    let text = GOOD.replace("policy: no", "policy: no-eve");
    assert!(parse(&text).unwrap().validate(FactSources::default()).is_ok());
}

#[test]
fn an_exception_that_has_ended_loads_and_is_found() {
    let parsed = parse(GOOD).unwrap();
    let at = |text| EpochMillis::parse_rfc3339(text).unwrap();
    let codes = |problems: Vec<palisade_core::Problem>| -> Vec<&'static str> {
        problems.iter().map(|problem| problem.code).collect()
    };
    let (before, soon, over) =
        ("2026-01-01T00:00:00Z", "2026-05-30T00:00:00Z", "2026-06-01T00:00:00Z");
    assert_eq!(codes(parsed.expired_exceptions(at(before))), [""; 0]);
    assert_eq!(codes(parsed.expired_exceptions(at(soon))), ["exception.expires_soon"]);
    assert_eq!(codes(parsed.expired_exceptions(at(over))), ["exception.expired"]);
    let (validated, _) = parsed.validate(FactSources::default()).unwrap();
    let found = validated.snapshot().expired_exceptions(at(over));
    assert_eq!(codes(found), ["exception.expired"]);
}

#[test]
fn the_tests_of_a_bundle_show_exceptions_and_their_end() {
    let test = |now: &str, want: &str| {
        format!(
            "  - {{ name: '{now}', now: '{now}', chain: [user:corp:alice], tool: crm.read, \
             want: {{ {want} }} }}\n"
        )
    };
    let tests = "tests:\n".to_owned()
        + &test("2026-05-31T23:59:59Z", "outcome: allow, exceptions: [INC-1]")
        + &test("2026-06-01T00:00:00Z", "outcome: deny, determining: [no], exceptions: []");
    let parsed = parse_with(&[("exceptions.yaml", GOOD), ("tests/a.yaml", &tests)]).unwrap();
    let report = parsed.validate(FactSources::default()).unwrap().0.run_tests();
    assert!(report.passed(), "{report:?}");

    let wrong = "tests:\n".to_owned()
        + &test("2026-05-31T00:00:00Z", "outcome: allow, exceptions: []")
        + &test("2026-06-01T00:00:00Z", "outcome: deny, exceptions: [INC-1]");
    let parsed = parse_with(&[("exceptions.yaml", GOOD), ("tests/a.yaml", &wrong)]).unwrap();
    let report = parsed.validate(FactSources::default()).unwrap().0.run_tests();
    let mismatches: Vec<_> = report.cases.iter().flat_map(|case| &case.mismatches).collect();
    assert_eq!(mismatches, ["want exceptions [], got [INC-1]", "want exceptions [INC-1], got []"]);
}

#[test]
fn a_forbid_that_stops_the_users_agents_as_well_is_said() {
    let (_, advice) = parse(GOOD).unwrap().validate(FactSources::default()).unwrap();
    assert_eq!(found(GOOD, &advice), [("exception.agents_stay_forbidden", "no")]);
    let of_eve = GOOD.replace("policy: no", "policy: no-eve").replace("alice", "eve");
    let (_, advice) = parse(&of_eve).unwrap().validate(FactSources::default()).unwrap();
    assert_eq!(found(&of_eve, &advice), []);
    let of_agent = GOOD.replace("user:corp", "agent:corp");
    let (_, advice) = parse(&of_agent).unwrap().validate(FactSources::default()).unwrap();
    assert_eq!(found(&of_agent, &advice), []);
}
