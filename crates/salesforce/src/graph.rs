//! Graphs of records: each is made or changed as a whole or not at all, and many go in one call.
//!
//! For records that stand or fall together and are more than a composite call carries. A graph has no query: what was
//! written is read back by a call of its own.

use std::{collections::BTreeMap, fmt};

use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    CallContext, Client, Error, Misuse, Refusal, Result, Subrequest, Subresponse,
    client::Call,
    subrequest::{Kind, RawPart, in_order, names},
};

/// Most graphs of one call (salesforce reference, section 2.12).
pub const MAX_GRAPHS: usize = 75;
/// Most nodes of all graphs of one call.
pub const MAX_NODES: usize = 500;
/// Longest chain of nodes that refer to one another.
pub const MAX_DEPTH: usize = 15;
/// Most kinds of nodes in one graph.
pub const MAX_KINDS: usize = 15;
/// After so many failed graphs the platform does not try the rest of the call.
pub const MAX_FAILED_GRAPHS: usize = 14;
/// Longest name of a graph, in characters.
const MAX_NAME: usize = 39;

/// A set of subrequests that stands or falls as one. Rows only: neither queries nor collections.
#[derive(Debug, Clone)]
pub struct Graph {
    name: String,
    nodes: Vec<Subrequest>,
    wrong: Option<Misuse>,
}

impl Graph {
    /// Checks the platform's bounds on one graph; what is wrong is told when it is to be sent. `name`: fewer than 40
    /// letters, digits, hyphens and underscores.
    pub fn new(name: impl Into<String>, nodes: Vec<Subrequest>) -> Self {
        let name = name.into();
        let wrong = check(&name, &nodes).err();
        Self { name, nodes, wrong }
    }

    /// How many nodes it has: a call holds [`MAX_NODES`] in all.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The field, if any, whose value the platform would take for a reference: [`Subrequest::ambiguous_field`].
    pub fn ambiguous_field(&self) -> Option<&str> {
        self.nodes.iter().find_map(Subrequest::ambiguous_field)
    }
}

fn check(name: &str, nodes: &[Subrequest]) -> Result<(), Misuse> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(plain) {
        return Err(Misuse::GraphName(name.chars().take(MAX_NAME).collect()));
    }
    names(nodes)?;
    let bounded = |what, given: usize, most| {
        if given > most { Err(Misuse::TooMany { what, given, most }) } else { Ok(()) }
    };
    bounded("nodes of a graph", nodes.len(), MAX_NODES)?;
    let mut kinds: Vec<_> = nodes.iter().map(Subrequest::node_kind).collect();
    kinds.sort_unstable_by_key(|(method, object)| (method.as_str().to_owned(), (*object).to_owned()));
    kinds.dedup();
    bounded("kinds of nodes in a graph", kinds.len(), MAX_KINDS)?;
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    for node in nodes {
        if node.kind == Kind::Query {
            return Err(Misuse::NotInGraph(node.reference_id.to_string()));
        }
        let deepest = node.refers_to().filter_map(|name| depths.get(name)).max().copied().unwrap_or_default();
        bounded("nodes that hang on one another", deepest + 1, MAX_DEPTH)?;
        depths.insert(node.reference_id.as_str(), deepest + 1);
    }
    Ok(())
}

/// What became of one graph. `Debug` shows no values.
#[derive(Clone, PartialEq, Eq)]
pub struct GraphAnswer {
    parts: Vec<Subresponse>,
    successful: bool,
}

impl GraphAnswer {
    /// The answers to its nodes, in their order; or why all of it was undone: the first node that failed by itself, by
    /// its place, and its refusal. A graph that was not tried is refused as a bystander, and may be sent again.
    pub fn outcome(&self) -> Result<&[Subresponse], (usize, Refusal)> {
        if self.successful {
            return Ok(&self.parts);
        }
        let refused = || {
            let parts = self.parts.iter().enumerate();
            parts.filter_map(|(place, part)| Some((place, part.outcome().err()?)))
        };
        let by_itself = refused().find(|(_, refusal)| !refusal.is_bystander());
        let first = by_itself.or_else(|| refused().next());
        Err(first.unwrap_or_else(|| (0, Refusal::from_value(400, &Value::Null, true))))
    }
}

impl fmt::Debug for GraphAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GraphAnswer")
            .field("successful", &self.successful)
            .field("refusal", &self.outcome().err())
            .finish_non_exhaustive()
    }
}

/// The answers of a call of graphs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphAnswers {
    /// One for each graph, in their order.
    pub graphs: Vec<GraphAnswer>,
    /// The server's own time of the whole answer.
    pub server_date: Timestamp,
}

#[derive(Deserialize)]
struct RawAnswer {
    graphs: Vec<RawGraph>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawGraph {
    graph_id: String,
    is_successful: bool,
    graph_response: RawParts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawParts {
    composite_response: Vec<RawPart>,
}

impl Client {
    /// Sends graphs in one call: each of them stands or falls by itself, and one that fails undoes no other.
    ///
    /// At most [`MAX_GRAPHS`] with [`MAX_NODES`] in all. Not idempotent: let the records carry unique keys. A call
    /// whose answer was lost is [`ports::RetryClass::Doubtful`].
    pub async fn graphs(&self, context: CallContext, graphs: Vec<Graph>) -> Result<GraphAnswers> {
        let too_many = |what, given, most| Err(Misuse::TooMany { what, given, most }.into());
        if graphs.len() > MAX_GRAPHS {
            return too_many("graphs", graphs.len(), MAX_GRAPHS);
        }
        let nodes = graphs.iter().map(Graph::len).sum();
        if nodes > MAX_NODES {
            return too_many("nodes of all graphs", nodes, MAX_NODES);
        }
        let mut asked = Vec::with_capacity(graphs.len());
        let mut sent = Vec::with_capacity(graphs.len());
        for graph in graphs {
            if let Some(wrong) = graph.wrong {
                return Err(wrong.into());
            }
            if asked.iter().any(|(name, _)| *name == graph.name) {
                return Err(Misuse::GraphName(graph.name).into());
            }
            asked.push((graph.name.clone(), names(&graph.nodes)?));
            let nodes = graph.nodes.into_iter().map(|node| self.part(node));
            let nodes = nodes.collect::<Result<Vec<Value>, Misuse>>()?;
            sent.push(json!({ "graphId": graph.name, "compositeRequest": nodes }));
        }
        let path = format!("{}/composite/graph", self.version_root());
        let call = Call::new(Method::POST, path).json(&json!({ "graphs": sent })).writing();
        let answer = self.call(context, call).await?;

        let unreadable = |reason| Error::Unreadable { status: answer.status, reason, write: true };
        let raw = RawAnswer::deserialize(answer.json()?)
            .map_err(|_| unreadable("not the shape of an answer to graphs"))?;
        let mut found = BTreeMap::new();
        for graph in raw.graphs {
            if found.insert(graph.graph_id.clone(), graph).is_some() {
                return Err(unreadable("a graph is answered twice"));
            }
        }
        let graphs = asked.into_iter().map(|(name, nodes)| {
            let graph = found.remove(&name).ok_or("a graph is missing")?;
            let parts = in_order(nodes, graph.graph_response.composite_response)?;
            let well = parts.iter().all(|part| part.outcome().is_ok());
            if well != graph.is_successful {
                return Err("a graph that contradicts its parts");
            }
            Ok(GraphAnswer { parts, successful: graph.is_successful })
        });
        let graphs = graphs.collect::<Result<_, &'static str>>().map_err(unreadable)?;
        Ok(GraphAnswers { graphs, server_date: answer.server_date()? })
    }
}
