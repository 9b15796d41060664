//! The policies: one that lets agents do what their users may, guardrails that hold for
//! everything, and for the rest permits and forbids for groups and people.

use super::entities::{actor, agent_group, department, team, user};
use super::tools::{kind, name, service};
use super::{AGENT_GROUPS, Grant, Scale, TEAMS_PER_DEPARTMENT};

/// Guardrails as (name, text without annotations); the first are the ones small sets have.
const GUARDRAILS: [(&str, &str); 16] = [
    (
        "agents-have-owners",
        r#"forbid (principal is Agent, action, resource)
unless { principal has owner && principal.owner in Group::"employees" };"#,
    ),
    (
        "blocked-recipients",
        r#"forbid (principal, action, resource)
when { context.args.recipient like "*@blocked.example" };"#,
    ),
    (
        "high-impact-approval",
        r#"@require("approval") @approvers("officers") @quorum("1") @expires("15m")
forbid (principal, action in Action::"tier3", resource)
unless { context.approval.granted };"#,
    ),
    (
        "amount-ceiling",
        r#"forbid (principal, action in Action::"write", resource)
when { context.args.amount.greaterThan(decimal("100000.00")) };"#,
    ),
    (
        "irreversible-step-up",
        r#"@require("step_up") @acr("phr") @max_age("5m")
forbid (principal, action, resource)
when { !context.tool.reversible }
unless { context.stepUp.granted };"#,
    ),
    (
        "outside-confirmation",
        r#"@require("confirmation") @expires("5m")
forbid (principal, action in Action::"write", resource)
when { context.args.recipient like "*@outside.example" }
unless { context.confirmation.granted };"#,
    ),
    (
        "bulk-approval",
        r#"@require("approval") @approvers("officers") @quorum("2") @expires("1h")
forbid (principal, action, resource)
when { context.args.count > 5000 }
unless { context.approval.granted };"#,
    ),
    (
        "restricted-wall",
        r#"forbid (principal is User, action in Action::"tier3", resource)
when { context.tool.segment == Segment::"segment_00" }
unless { principal in Group::"restricted-access" };"#,
    ),
    (
        "lone-agents-send-nothing",
        r#"forbid (principal is Agent, action in Action::"egress", resource)
unless { context.chain has user };"#,
    ),
    ("short-chains", "forbid (principal, action, resource)\nwhen { context.chain.depth > 4 };"),
    ("count-ceiling", "forbid (principal, action, resource)\nwhen { context.args.count > 10000 };"),
    (
        "closed-regions",
        r#"forbid (principal, action, resource)
when { context.args.region == "none" };"#,
    ),
    (
        "suspended-people",
        r"forbid (principal is User, action, resource)
when { principal has suspended && principal.suspended };",
    ),
    (
        "inside-addresses",
        r#"forbid (principal, action, resource)
when { context has sourceIp && !context.sourceIp.isInRange(ip("10.0.0.0/8")) };"#,
    ),
    (
        "no-keys-in-comments",
        r#"forbid (principal, action, resource)
when { context.args.comment like "*PRIVATE KEY*" };"#,
    ),
    (
        "no-unknown-fields",
        "forbid (principal, action, resource)\nwhen { context.argsInfo.unknown };",
    ),
];

const fn guardrails(policies: usize) -> usize {
    match policies {
        0..=1 => 0,
        2..=9 => 1,
        10..=99 => 4,
        _ => GUARDRAILS.len(),
    }
}

/// The policies of a scale, and what they permit to whom.
pub(super) fn generate(scale: Scale, random: &mut fastrand::Rng) -> (Vec<String>, Vec<Grant>) {
    let mut grants = Vec::new();
    if scale.policies == 1 {
        return (vec!["@id(\"all\")\npermit (principal, action, resource);".to_owned()], grants);
    }
    let mut policies = vec![
        "@id(\"agents-follow\")\npermit (principal is Agent, action in [Action::\"read\", \
         Action::\"write\"], resource);"
            .to_owned(),
    ];
    for (id, text) in &GUARDRAILS[..guardrails(scale.policies)] {
        policies.push(format!("@id(\"{id}\") @reason(\"the guardrail {id} holds\")\n{text}"));
    }
    for i in policies.len()..scale.policies {
        let text = match i % 10 {
            0..=6 => team_permit(scale, random, &mut grants),
            7 => user_permit(scale, random, &mut grants),
            8 => agent_permit(scale, random),
            _ => scoped_forbid(scale, random),
        };
        let reason =
            if text.starts_with("forbid") { " @reason(\"not for this team\")" } else { "" };
        policies.push(format!("@id(\"p{i:06}\"){reason}\n{text}"));
    }
    (policies, grants)
}

/// A team, or one time in ten a department, uses tools of its service.
fn team_permit(scale: Scale, random: &mut fastrand::Rng, grants: &mut Vec<Grant>) -> String {
    let team_index = random.usize(..scale.teams());
    let department_index = team_index / TEAMS_PER_DEPARTMENT;
    let group = if random.u8(..10) == 0 { department(department_index) } else { team(team_index) };
    let service_index = team_index % scale.services();
    let first = service_index * 10;
    let tool = first + random.usize(..9);
    let (action, resource) = match random.u8(..4) {
        0 => (format!("in Action::\"{}\"", kind(tool).effect), None),
        1 => ("in [Action::\"read\", Action::\"write\"]".to_owned(), None),
        2 => (format!("== Action::\"{}\"", name(tool)), Some(tool)),
        _ => {
            let other = first + random.usize(..9);
            (format!("in [Action::\"{}\", Action::\"{}\"]", name(tool), name(other)), None)
        }
    };
    let resource = match resource {
        Some(tool) => format!("== Tool::\"{}\"", name(tool)),
        None => format!("in Service::\"{}\"", service(service_index)),
    };
    grants.push(Grant { user: team_index, tool });
    let conditions = permit_conditions(random);
    format!(
        "permit (principal in Group::\"{group}\", action {action}, resource {resource}){conditions};"
    )
}

fn user_permit(scale: Scale, random: &mut fastrand::Rng, grants: &mut Vec<Grant>) -> String {
    let user_index = random.usize(..scale.users());
    let tool = random.usize(..scale.services()) * 10 + random.usize(..9);
    grants.push(Grant { user: user_index, tool });
    format!(
        "permit (principal == User::\"{}\", action == Action::\"{}\", resource){};",
        actor(&user(user_index)),
        name(tool),
        permit_conditions(random)
    )
}

fn agent_permit(scale: Scale, random: &mut fastrand::Rng) -> String {
    let group = agent_group(random.usize(..AGENT_GROUPS));
    let owner = actor(&user(random.usize(..scale.users())));
    let tool = random.usize(..scale.services()) * 10 + 9;
    format!(
        "permit (principal in Group::\"{group}\", action == Action::\"{}\", resource)\nwhen {{ \
         context.chain.users.contains(User::\"{owner}\") }};",
        name(tool)
    )
}

fn scoped_forbid(scale: Scale, random: &mut fastrand::Rng) -> String {
    let group = team(random.usize(..scale.teams()));
    let tool = random.usize(..scale.services()) * 10 + random.usize(..10);
    let conditions = [
        format!("context.args.amount.greaterThan(decimal(\"{}.00\"))", random.u32(50_000..90_000)),
        format!("context.args.count > {}", random.u32(1_000..5_000)),
        format!("context.args.recipient like \"*@rival-{}.example\"", random.u32(..1_000)),
        "context.args.region == \"none\"".to_owned(),
    ];
    let condition = &conditions[random.usize(..conditions.len())];
    format!(
        "forbid (principal in Group::\"{group}\", action == Action::\"{}\", resource)\nwhen {{ \
         {condition} }};",
        name(tool)
    )
}

/// None to three conditions on arguments, all of which ordinary arguments meet.
fn permit_conditions(random: &mut fastrand::Rng) -> String {
    let mut conditions = [
        format!("context.args.amount.lessThan(decimal(\"{}.00\"))", random.u32(2_000..90_000)),
        format!("context.args.count < {}", random.u32(100..1_000)),
        "[\"eu\", \"us\"].contains(context.args.region)".to_owned(),
        "context.args.currency == \"EUR\"".to_owned(),
        "!context.args.dry_run".to_owned(),
    ];
    random.shuffle(&mut conditions);
    match random.usize(..4) {
        0 => String::new(),
        count => format!("\nwhen {{ {} }}", conditions[..count].join(" && ")),
    }
}
