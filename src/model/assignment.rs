//! Which nodes of a network a provider leaves to others: to ONNX Runtime's own kernels, or to a provider that stands behind it. It does so
//! without a word: a whole network may run on the processor that a card was asked for.
//!
//! `ort` (rc.15) declares these functions of ONNX Runtime 1.24 and wraps none of them.
#![expect(unsafe_code, reason = "the only way to ask who runs a node; see above")]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::{CStr, c_char};
use std::{fmt, ptr, slice};

use ort::AsPointer;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::sys::{OrtEpAssignedNode, OrtEpAssignedSubgraph, OrtStatusPtr};

/// What ONNX Runtime's names of providers end with.
const ENDING: &str = "ExecutionProvider";

/// As ONNX Runtime calls its own kernels, without the ending.
const CPU: &str = "CPU";

/// As we call them.
const PROCESSOR: &str = "the processor";

/// What of a network the provider did not take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftover {
    /// Number of nodes that others run instead.
    pub nodes: usize,
    /// Number of nodes in all.
    pub of: usize,
    /// Types of the former, each once.
    pub operators: BTreeSet<String>,
    /// Who runs them.
    pub takers: BTreeSet<String>,
}

impl Leftover {
    /// Whether the provider took nothing at all.
    pub fn is_all(&self) -> bool {
        self.nodes > 0 && self.nodes == self.of
    }

    /// Whether some of it is on the processor: what another provider for the same card runs costs no way to and fro.
    pub fn reaches_processor(&self) -> bool {
        self.takers.contains(PROCESSOR)
    }

    /// Adds nodes of these types, which `taker` runs; `own` is the name of the provider that is to have all.
    fn add<'a>(&mut self, own: &str, taker: &str, operators: impl IntoIterator<Item = Cow<'a, str>>) {
        let operators: Vec<_> = operators.into_iter().collect();
        self.of += operators.len();
        if taker != own && !operators.is_empty() {
            self.nodes += operators.len();
            self.operators.extend(operators.into_iter().map(Cow::into_owned));
            let taker = taker.strip_suffix(ENDING).unwrap_or(taker);
            self.takers.insert(if taker == CPU { PROCESSOR } else { taker }.into());
        }
    }
}

/// `2 of the network's 41 nodes (Resize, Shape) to the processor`.
impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &BTreeSet<String>, between: &str| {
            names.iter().map(String::as_str).collect::<Vec<_>>().join(between)
        };
        let (operators, takers) = (list(&self.operators, ", "), list(&self.takers, " and "));
        write!(f, "{} of the network's {} nodes ({operators}) to {takers}", self.nodes, self.of)
    }
}

/// Has the session remember what [`leftover`] asks for.
pub(super) fn noted(builder: SessionBuilder) -> ort::Result<SessionBuilder> {
    Ok(builder.with_config_entry("session.record_ep_graph_assignment_info", "1")?)
}

/// What the provider that ONNX Runtime calls `own` left to others in a session built by [`noted`].
///
/// # Errors
/// Whatever ONNX Runtime says.
pub(super) fn leftover(session: &Session, own: &str) -> ort::Result<Leftover> {
    let mut left = Leftover::default();
    for subgraph in subgraphs(session)? {
        let operators: ort::Result<Vec<_>> =
            nodes(subgraph)?.iter().map(|node| operator(node).map(CStr::to_string_lossy)).collect();
        left.add(own, &provider(subgraph)?.to_string_lossy(), operators?);
    }
    Ok(left)
}

/// The parts of the graph, each run by one provider.
fn subgraphs(session: &Session) -> ort::Result<&[&OrtEpAssignedSubgraph]> {
    let (mut items, mut len) = (ptr::null(), 0);
    // SAFETY: the session is alive, being borrowed, and the rest is where to write to.
    let status = unsafe { (ort::api().Session_GetEpGraphAssignmentInfo)(session.ptr(), &raw mut items, &raw mut len) };
    // SAFETY: what was just returned and written; it belongs to the session, which is borrowed as long and changes it no more.
    unsafe { list(status, items, len) }
}

fn nodes(subgraph: &OrtEpAssignedSubgraph) -> ort::Result<&[&OrtEpAssignedNode]> {
    let (mut items, mut len) = (ptr::null(), 0);
    // SAFETY: the subgraph is alive, being borrowed, and the rest is where to write to.
    let status = unsafe { (ort::api().EpAssignedSubgraph_GetNodes)(subgraph, &raw mut items, &raw mut len) };
    // SAFETY: what was just returned and written; it belongs to the session as the subgraph does.
    unsafe { list(status, items, len) }
}

fn provider(subgraph: &OrtEpAssignedSubgraph) -> ort::Result<&CStr> {
    let mut name = ptr::null();
    // SAFETY: the subgraph is alive, being borrowed, and the rest is where to write to.
    let status = unsafe { (ort::api().EpAssignedSubgraph_GetEpName)(subgraph, &raw mut name) };
    // SAFETY: what was just returned and written; it belongs to the session as the subgraph does.
    unsafe { text(status, name) }
}

fn operator(node: &OrtEpAssignedNode) -> ort::Result<&CStr> {
    let mut name = ptr::null();
    // SAFETY: the node is alive, being borrowed, and the rest is where to write to.
    let status = unsafe { (ort::api().EpAssignedNode_GetOperatorType)(node, &raw mut name) };
    // SAFETY: what was just returned and written; it belongs to the session as the node does.
    unsafe { text(status, name) }
}

/// A list of ONNX Runtime's.
///
/// # Safety
/// `status` is fresh, and used nowhere else. If it is no error, `items` points to `len` pointers to `T` that stay for `'a`.
unsafe fn list<'a, T>(status: OrtStatusPtr, items: *const *const T, len: usize) -> ort::Result<&'a [&'a T]> {
    // SAFETY: the caller's promise.
    unsafe { ort::Error::result_from_status(status) }?;
    // A reference is a pointer that is not null. Of no length, the list may be nowhere.
    // SAFETY: the caller's promise.
    Ok(if len == 0 { &[] } else { unsafe { slice::from_raw_parts(items.cast(), len) } })
}

/// A text of ONNX Runtime's.
///
/// # Safety
/// `status` is fresh, and used nowhere else. If it is no error, `text` points to a text with a NUL behind it that stays for `'a`.
unsafe fn text<'a>(status: OrtStatusPtr, text: *const c_char) -> ort::Result<&'a CStr> {
    // SAFETY: the caller's promise.
    unsafe { ort::Error::result_from_status(status) }?;
    // SAFETY: the caller's promise.
    Ok(unsafe { CStr::from_ptr(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(parts: &[(&str, &[&'static str])]) -> Leftover {
        let mut left = Leftover::default();
        for (taker, operators) in parts {
            left.add("TensorrtExecutionProvider", taker, operators.iter().copied().map(Cow::Borrowed));
        }
        left
    }

    #[test]
    fn what_another_provider_takes_is_left_over_too() {
        let all = left(&[("CUDAExecutionProvider", &["Conv", "Relu", "Conv"])]);
        assert!(all.is_all() && !all.reaches_processor());
        assert_eq!(all.to_string(), "3 of the network's 3 nodes (Conv, Relu) to CUDA");
        let some = left(&[
            ("TensorrtExecutionProvider", &["Conv", "Conv"]),
            ("CUDAExecutionProvider", &["QuantizeLinear"]),
            ("CPUExecutionProvider", &["Shape"]),
        ]);
        assert!(!some.is_all() && some.reaches_processor());
        assert_eq!(some.to_string(), "2 of the network's 4 nodes (QuantizeLinear, Shape) to CUDA and the processor");
        let none = left(&[("TensorrtExecutionProvider", &["Conv"])]);
        assert_eq!((none.nodes, none.of, none.takers.len()), (0, 1, 0));
    }
}
