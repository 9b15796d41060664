//! Policies as the engine keeps them, read from Cedar files.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use cedar_policy::{Effect, EntityUid, Policy, PolicySet, PolicySetError, SlotId, Template};
use miette::Diagnostic;
use palisade_core::{PolicyId, Problem, Problems, Requirement};

use crate::annotations::{AnnotationProblem, Annotations};
use crate::cedar_core::{self, ClockReads, PolicyBody, Reads};
use crate::index::{PolicyIndex, ScopeNames};
use crate::{PolicyEffect, SourceFile, TemplateLink};

/// One policy with what its annotations say.
#[derive(Debug)]
pub(crate) struct CompiledPolicy {
    pub(crate) id: PolicyId,
    pub(crate) effect: PolicyEffect,
    pub(crate) reason: Option<String>,
    pub(crate) requirement: Option<Requirement>,
    /// Never part of an answer.
    pub(crate) shadow: bool,
    /// The policy as Cedar has it, under our id.
    pub(crate) cedar: Policy,
    /// What is evaluated once its scope matches.
    pub(crate) body: PolicyBody,
    /// What its conditions can read.
    pub(crate) reads: Reads,
    /// What its conditions do with the time.
    pub(crate) clock: ClockReads,
    /// The entities it names.
    pub(crate) names: Vec<EntityUid>,
    pub(crate) place: Place,
}

/// Where something stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) file: Arc<str>,
    pub(crate) span: Option<Range<usize>>,
    /// Line of the span's start, from 1.
    pub(crate) line: usize,
}

impl Place {
    fn new(lines: &Lines<'_>, span: Option<Range<usize>>) -> Self {
        let start = span.as_ref().map_or(0, |span| span.start);
        let line = lines.ends.partition_point(|end| *end < start) + 1;
        Self { file: Arc::clone(&lines.file.name), span, line }
    }

    /// `policies/refunds.cedar:12`
    pub(crate) fn location(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// The problem, at this place.
    pub(crate) fn mark(&self, problem: Problem) -> Problem {
        let problem = problem.in_file(&self.file);
        match &self.span {
            Some(span) => problem.at(span.clone()),
            None => problem,
        }
    }
}

/// A file with the offsets of its line breaks, in bytes: files of thousands of policies are
/// usual, and counting lines anew for each takes longer than all else.
struct Lines<'a> {
    file: &'a SourceFile,
    ends: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(file: &'a SourceFile) -> Self {
        let breaks = file.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { file, ends: breaks.map(|(end, _)| end).collect() }
    }
}

/// All policies of a bundle.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    pub(crate) by_id: Arc<BTreeMap<PolicyId, Arc<CompiledPolicy>>>,
    /// The policies that count, shadow policies left out, sorted by id.
    pub(crate) counted: Vec<Arc<CompiledPolicy>>,
    /// Templates and their links, shadow ones included: Cedar links within a set.
    pub(crate) templated: Arc<PolicySet>,
    /// `counted` by scope; a policy's number is its place there.
    pub(crate) index: PolicyIndex,
    templates: Arc<BTreeMap<String, TemplateEntry>>,
    files: Arc<ReadFiles>,
    cedar_sets: OnceLock<Result<CedarSets, Box<PolicySetError>>>,
}

/// By name, the policies of each file that has any and no templates, in the order they stand in it.
type ReadFiles = HashMap<Arc<str>, Vec<Arc<CompiledPolicy>>>;

/// Permits and forbids apart.
#[derive(Debug, Default)]
pub(crate) struct CedarSets {
    pub(crate) permits: PolicySet,
    pub(crate) forbids: PolicySet,
}

#[derive(Debug)]
struct TemplateEntry {
    template: Template,
    annotations: Annotations,
    place: Place,
    linked: bool,
}

impl Policies {
    /// Reads policy files and template links. A file that did not change since `previous` is not
    /// read again.
    pub(crate) fn read(
        files: &[SourceFile],
        links: &[TemplateLink],
        previous: Option<&Self>,
        problems: &mut Problems,
    ) -> Self {
        let mut reader = PolicyReader::default();
        for file in files {
            if let Some(policies) = previous.and_then(|previous| previous.unchanged(file)) {
                reader.add_again(file, policies, problems);
                continue;
            }
            match PolicySet::from_str(&file.text) {
                Ok(set) => reader.add_file(file, &set, problems),
                Err(errors) => {
                    for error in errors.iter() {
                        problems.0.push(cedar_problem("policy.syntax", error, &file.name));
                    }
                }
            }
        }
        for link in links {
            reader.link(link, problems);
        }
        for entry in reader.templates.values().filter(|entry| !entry.linked) {
            let message = "the template is never linked, so it does nothing";
            let problem = Problem::advice("policy.unlinked_template", message)
                .with_help("link it in `policies/links.yaml`, or remove it");
            problems.0.push(entry.place.mark(problem));
        }
        let PolicyReader { by_id, templated, templates, files } = reader;
        let counted: Vec<_> = by_id.values().filter(|policy| !policy.shadow).cloned().collect();
        // Positions of entities hold for all policies, whichever of them count.
        let others = by_id.values().filter(|policy| policy.shadow).map(Arc::as_ref);
        let index =
            PolicyIndex::new(ScopeNames::default(), counted.iter().map(Arc::as_ref), others);
        Self {
            index,
            counted,
            by_id: Arc::new(by_id),
            templated: Arc::new(templated),
            templates: Arc::new(templates),
            files: Arc::new(files),
            cedar_sets: OnceLock::new(),
        }
    }

    /// The policies of a file, if it is the one they were read from.
    fn unchanged(&self, file: &SourceFile) -> Option<&[Arc<CompiledPolicy>]> {
        let policies = self.files.get(&file.name)?;
        // All of a file know its whole text.
        let text = cedar_core::policy_source(&policies.first()?.cedar)?;
        (*text == *file.text).then_some(policies)
    }

    /// The same policies, shadow policies counted like any other; `None` if there are none.
    pub(crate) fn counting_shadow(&self) -> Option<Self> {
        if self.counted.len() == self.by_id.len() {
            return None;
        }
        let counted: Vec<_> = self.by_id.values().cloned().collect();
        let names = self.index.names().clone();
        let all = counted.iter().map(Arc::as_ref);
        Some(Self {
            index: PolicyIndex::new(names, all, std::iter::empty()),
            counted,
            by_id: Arc::clone(&self.by_id),
            templated: Arc::clone(&self.templated),
            templates: Arc::clone(&self.templates),
            files: Arc::clone(&self.files),
            cedar_sets: OnceLock::new(),
        })
    }

    /// Where a policy or template stands.
    pub(crate) fn place(&self, id: &str) -> Option<&Place> {
        let policy = self.by_id.get(&PolicyId::new(id)).map(|policy| &policy.place);
        policy.or_else(|| self.templates.get(id).map(|entry| &entry.place))
    }

    /// The policies that count as Cedar's authorizer takes them, made when they are first asked
    /// for: what decides has no use for them.
    ///
    /// # Errors
    /// Cedar refuses a policy that it took before.
    pub(crate) fn cedar_sets(&self) -> Result<&CedarSets, &PolicySetError> {
        self.cedar_sets.get_or_init(|| self.make_cedar_sets()).as_ref().map_err(Box::as_ref)
    }

    fn make_cedar_sets(&self) -> Result<CedarSets, Box<PolicySetError>> {
        let mut sets = CedarSets::default();
        for policy in &self.counted {
            let set = match policy.effect {
                PolicyEffect::Permit => &mut sets.permits,
                PolicyEffect::Forbid => &mut sets.forbids,
            };
            self.add_to(set, &policy.cedar)?;
        }
        Ok(sets)
    }

    /// Adds a policy to a set; a link with its template.
    fn add_to(&self, set: &mut PolicySet, policy: &Policy) -> Result<(), Box<PolicySetError>> {
        let (Some(id), Some(slots)) = (policy.template_id(), policy.template_links()) else {
            return Ok(set.add(policy.clone())?);
        };
        let template = self.templated.template(id);
        if let Some(template) = template.filter(|_| set.template(id).is_none()) {
            set.add_template(template.clone())?;
        }
        Ok(set.link(id.clone(), policy.id().clone(), slots)?)
    }

    /// Where the conditions of a policy stand: those of a template link with its template.
    pub(crate) fn conditions_place<'a>(&'a self, policy: &'a CompiledPolicy) -> &'a Place {
        let template = policy.cedar.template_id();
        let template = template.and_then(|id| self.templates.get(AsRef::<str>::as_ref(id)));
        template.map_or(&policy.place, |entry| &entry.place)
    }

    /// What every policy and template can read, with where it stands.
    pub(crate) fn reads(&self) -> impl Iterator<Item = (Cow<'_, Reads>, &Place)> {
        let policies = self.by_id.values();
        let policies = policies.map(|policy| (Cow::Borrowed(&policy.reads), &policy.place));
        let templates = self.templates.values();
        let read = |entry: &TemplateEntry| Cow::Owned(Reads::of_template(&entry.template));
        policies.chain(templates.map(move |entry| (read(entry), &entry.place)))
    }
}

/// Policies while they are read.
#[derive(Debug, Default)]
struct PolicyReader {
    by_id: BTreeMap<PolicyId, Arc<CompiledPolicy>>,
    templated: PolicySet,
    templates: BTreeMap<String, TemplateEntry>,
    files: ReadFiles,
}

impl PolicyReader {
    /// Adds the policies of a file that did not change.
    fn add_again(
        &mut self,
        file: &SourceFile,
        policies: &[Arc<CompiledPolicy>],
        problems: &mut Problems,
    ) {
        for policy in policies {
            if !self.is_taken(policy.id.as_str(), &policy.place, problems) {
                self.by_id.insert(policy.id.clone(), Arc::clone(policy));
            }
        }
        self.files.insert(Arc::clone(&file.name), policies.to_vec());
    }

    /// Adds the policies of one file in the order they stand in it.
    fn add_file(&mut self, file: &SourceFile, set: &PolicySet, problems: &mut Problems) {
        let lines = Lines::of(file);
        let start = |span: Option<Range<usize>>| span.map_or(0, |span| span.start);
        let mut templates: Vec<&Template> = set.templates().collect();
        templates.sort_by_key(|template| start(cedar_core::template_span(template)));
        for template in templates {
            self.add_template(&lines, template, problems);
        }
        let mut policies: Vec<&Policy> = set.policies().collect();
        policies.sort_by_key(|policy| start(cedar_core::policy_span(policy)));
        let mut kept = Vec::with_capacity(policies.len());
        for policy in policies {
            let place = Place::new(&lines, cedar_core::policy_span(policy));
            let spans = cedar_core::policy_annotation_spans(policy);
            let annotations =
                read_annotations(policy.annotations(), policy.effect(), &place, &spans, problems);
            let Some(id) = annotations.id.clone() else { continue };
            if self.is_taken(&id, &place, problems) {
                continue;
            }
            let cedar = policy.new_id(cedar_policy::PolicyId::new(&id));
            kept.push(self.keep(&id, cedar, annotations, place));
        }
        if set.templates().next().is_none() {
            self.files.insert(Arc::clone(&file.name), kept);
        }
    }

    fn add_template(&mut self, lines: &Lines<'_>, template: &Template, problems: &mut Problems) {
        let place = Place::new(lines, cedar_core::template_span(template));
        let spans = cedar_core::template_annotation_spans(template);
        let annotations =
            read_annotations(template.annotations(), template.effect(), &place, &spans, problems);
        let Some(id) = annotations.id.clone() else { return };
        if self.is_taken(&id, &place, problems) {
            return;
        }
        let template = template.new_id(cedar_policy::PolicyId::new(&id));
        if let Err(error) = self.templated.add_template(template.clone()) {
            problems.0.push(place.mark(Problem::error("policy.rejected", error.to_string())));
        }
        self.templates.insert(id, TemplateEntry { template, annotations, place, linked: false });
    }

    fn link(&mut self, link: &TemplateLink, problems: &mut Problems) {
        let place =
            Place { file: Arc::clone(&link.file), span: link.span.clone(), line: link.line };
        let reject = |message: String, help: &str, problems: &mut Problems| {
            let problem = Problem::error("policy.link", message).with_help(help);
            problems.0.push(place.mark(problem));
        };
        if self.is_taken(&link.id, &place, problems) {
            return;
        }
        let mut slots = HashMap::new();
        for (slot, name) in
            [(SlotId::principal(), &link.principal), (SlotId::resource(), &link.resource)]
        {
            let Some(name) = name else { continue };
            match EntityUid::from_str(name) {
                Ok(entity) => {
                    slots.insert(slot, entity);
                }
                Err(error) => {
                    let message = format!("`{name}` is no entity: {error}");
                    return reject(message, "write it like `Group::\"support\"`", problems);
                }
            }
        }
        let Some(entry) = self.templates.get_mut(&link.template) else {
            let message = format!("there is no template `{}`", link.template);
            return reject(message, "name the `@id` of a policy with slots", problems);
        };
        entry.linked = true;
        let annotations = entry.annotations.clone();
        let template_place = entry.place.clone();
        let template = cedar_policy::PolicyId::new(&link.template);
        let id = cedar_policy::PolicyId::new(&link.id);
        if let Err(error) = self.templated.link(template, id.clone(), slots) {
            let message = palisade_core::ErrorChain(&error).to_string();
            return reject(message, "fill exactly the slots the template has", problems);
        }
        if let Some(cedar) = self.templated.policy(&id).cloned() {
            self.keep(&link.id, cedar, annotations, template_place);
        }
    }

    fn is_taken(&self, id: &str, place: &Place, problems: &mut Problems) -> bool {
        let first = self.by_id.get(&PolicyId::new(id)).map(|policy| &policy.place);
        let first = first.or_else(|| self.templates.get(id).map(|entry| &entry.place));
        if let Some(first) = first {
            let message = format!("the `@id` `{id}` is already taken at {}", first.location());
            let problem = Problem::error("policy.duplicate_id", message)
                .with_help("give every policy an id of its own; answers and records name it");
            problems.0.push(place.mark(problem));
        }
        first.is_some()
    }

    fn keep(
        &mut self,
        id: &str,
        cedar: Policy,
        annotations: Annotations,
        place: Place,
    ) -> Arc<CompiledPolicy> {
        let Annotations { id: _, reason, requirement, shadow } = annotations;
        let id = PolicyId::new(id);
        let body = PolicyBody::of(&cedar);
        let policy = Arc::new(CompiledPolicy {
            id: id.clone(),
            effect: effect_of(&cedar),
            reason,
            requirement,
            shadow,
            clock: ClockReads::of(&body),
            body,
            reads: Reads::of_policy(&cedar),
            names: cedar.entity_literals(),
            cedar,
            place,
        });
        self.by_id.insert(id, Arc::clone(&policy));
        policy
    }
}

fn effect_of(policy: &Policy) -> PolicyEffect {
    match policy.effect() {
        Effect::Permit => PolicyEffect::Permit,
        Effect::Forbid => PolicyEffect::Forbid,
    }
}

fn read_annotations<'a>(
    annotations: impl Iterator<Item = (&'a str, &'a str)>,
    effect: Effect,
    place: &Place,
    spans: &[(String, Range<usize>)],
    problems: &mut Problems,
) -> Annotations {
    let (annotations, found) = Annotations::read(annotations, effect == Effect::Forbid);
    for AnnotationProblem { annotation, code, message, help } in found {
        let problem = place.mark(Problem::error(code, message).with_help(help));
        let span = spans.iter().find(|(name, _)| *name == annotation);
        problems.0.push(match span {
            Some((_, span)) => problem.at(span.clone()),
            None => problem,
        });
    }
    annotations
}

/// What Cedar says is wrong, at the place it says.
pub(crate) fn cedar_problem(
    code: &'static str,
    diagnostic: &dyn Diagnostic,
    file: &Arc<str>,
) -> Problem {
    let mut problem = Problem::error(code, diagnostic.to_string()).in_file(file);
    if let Some(help) = diagnostic.help() {
        problem = problem.with_help(help.to_string());
    }
    match diagnostic.labels().and_then(|mut labels| labels.next()) {
        Some(label) => problem.at(label.offset()..label.offset() + label.len()),
        None => problem,
    }
}
