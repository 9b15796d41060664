//! A matrix as text, CSV (RFC 4180) and one self-contained HTML page without scripts.

use palisade_core::{Actor, ActorChain, Prospect};

use super::{Cell, Column, Matrix, Row};

/// Characters up to which the table names its tools above the columns; wider tables number them.
const TABLE_WIDTH_MAX: usize = 120;

/// `user:corp:alice → agent:corp:helpdesk-bot`.
fn label(chain: &ActorChain) -> String {
    let actor = |actor: &Actor| {
        let kind = actor.kind.entity_type().to_lowercase();
        format!("{kind}:{}:{}", actor.issuer.as_str(), actor.subject.as_str())
    };
    chain.links().iter().map(actor).collect::<Vec<_>>().join(" → ")
}

pub(super) fn table(matrix: &Matrix) -> String {
    let labels: Vec<String> = matrix.rows.iter().map(|row| label(&row.chain)).collect();
    let first = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let names: Vec<String> = matrix.tools.iter().map(|tool| tool.name.to_string()).collect();
    let width: usize = first + names.iter().map(|name| 2 + column_width(name)).sum::<usize>();
    let mut text = String::new();
    let headings: Vec<String> = if width <= TABLE_WIDTH_MAX {
        names
    } else {
        for (number, Column { name, tier }) in matrix.tools.iter().enumerate() {
            text.push_str(&format!("{:>3}  {name} (tier {})\n", number + 1, tier.number()));
        }
        text.push('\n');
        (1..=names.len()).map(|number| number.to_string()).collect()
    };
    text.push_str(&line("", first, headings.iter().map(String::as_str), &headings));
    for (label, row) in labels.iter().zip(&matrix.rows) {
        let cells = row.cells.iter().map(|cell| cell.prospect.as_str());
        text.push_str(&line(label, first, cells, &headings));
    }
    text.push_str(&format!("\n{}\n", matrix.revision));
    text
}

/// A column is as wide as its heading or the longest answer.
fn column_width(heading: &str) -> usize {
    heading.chars().count().max(Prospect::Challenge.as_str().len())
}

fn line<'a>(
    label: &str,
    first: usize,
    cells: impl Iterator<Item = &'a str>,
    headings: &[String],
) -> String {
    let mut line = format!("{label:first$}");
    for (cell, heading) in cells.zip(headings) {
        let width = column_width(heading);
        line.push_str(&format!("  {cell:width$}"));
    }
    format!("{}\n", line.trim_end())
}

pub(super) fn csv(matrix: &Matrix) -> String {
    let mut text = "principal".to_owned();
    for Column { name, .. } in &matrix.tools {
        text.push(',');
        text.push_str(&csv_field(name.as_str()));
    }
    text.push_str("\r\n");
    for Row { chain, cells } in &matrix.rows {
        text.push_str(&csv_field(&label(chain)));
        for cell in cells {
            text.push(',');
            text.push_str(cell.prospect.as_str());
        }
        text.push_str("\r\n");
    }
    text
}

fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Colours are chosen to be told apart without red and green as well; the word says it anyway.
const STYLE: &str = "\
body{font:14px/1.4 system-ui,sans-serif;margin:2rem;color:#1a1a1a;background:#fff}
table{border-collapse:collapse}
th,td{border:1px solid #d0d0d0;padding:.3rem .6rem;text-align:left;white-space:nowrap}
thead th{position:sticky;top:0;background:#f4f4f4;vertical-align:bottom}
tbody th{position:sticky;left:0;background:#f4f4f4;font-weight:normal}
small{color:#555;font-weight:normal}
.allow{background:#cfe8d5}.challenge{background:#fde9b0}.deny{background:#f3c6c0}
.depends{background:#d6e2f3}
";

pub(super) fn html(matrix: &Matrix) -> String {
    let revision = escape(&matrix.revision.to_string());
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Tool permissions of {revision}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>Tool permissions</h1>\n<p>Bundle {revision}. <b>allow</b> and <b>challenge</b> hold \
         for all arguments; <b>deny</b>: no arguments could be allowed; <b>depends</b>: it hangs \
         on the arguments. Hover over a cell to read why.</p>\n<table>\n<thead>\n<tr><th></th>"
    );
    for Column { name, tier } in &matrix.tools {
        let (name, tier) = (escape(name.as_str()), tier.number());
        page.push_str(&format!("<th>{name}<br><small>tier {tier}</small></th>"));
    }
    page.push_str("</tr>\n</thead>\n<tbody>\n");
    for Row { chain, cells } in &matrix.rows {
        page.push_str(&format!("<tr><th>{}</th>", escape(&label(chain))));
        for Cell { prospect, sentence, policies } in cells {
            let why = match policies.as_slice() {
                [] => escape(sentence),
                policies => escape(&format!("{sentence} ({})", policies.join(", "))),
            };
            let word = prospect.as_str();
            page.push_str(&format!("<td class=\"{word}\" title=\"{why}\">{word}</td>"));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody>\n</table>\n</body>\n</html>\n");
    page
}

/// Text for element content and quoted attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character => escaped.push(character),
        }
    }
    escaped
}
