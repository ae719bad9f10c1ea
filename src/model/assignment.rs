//! Which nodes of a network a provider leaves to ONNX Runtime's own kernels. It does so without a word: a whole network may run on the
//! processor that a card was asked for.
//!
//! `ort` (rc.15) declares these functions of ONNX Runtime 1.24 and wraps none of them.
#![expect(unsafe_code, reason = "the only way to ask who runs a node; see above")]

use std::collections::BTreeSet;
use std::ffi::{CStr, c_char};
use std::{fmt, ptr, slice};

use ort::AsPointer;
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use ort::sys::{OrtEpAssignedNode, OrtEpAssignedSubgraph, OrtStatusPtr};

/// As ONNX Runtime calls its own kernels.
const CPU: &CStr = c"CPUExecutionProvider";

/// What of a network the provider did not take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftover {
    /// Number of nodes that ONNX Runtime's own kernels run instead.
    pub nodes: usize,
    /// Number of nodes in all.
    pub of: usize,
    /// Types of the former, each once.
    pub operators: BTreeSet<String>,
}

impl Leftover {
    /// Whether the provider took nothing at all.
    pub fn is_all(&self) -> bool {
        self.nodes > 0 && self.nodes == self.of
    }
}

/// `2 of the network's 41 nodes (Resize, Shape)`.
impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operators = self.operators.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        write!(f, "{} of the network's {} nodes ({operators})", self.nodes, self.of)
    }
}

/// Has the session remember what [`leftover`] asks for.
pub(super) fn noted(builder: SessionBuilder) -> ort::Result<SessionBuilder> {
    Ok(builder.with_config_entry("session.record_ep_graph_assignment_info", "1")?)
}

/// What the providers of a session built by [`noted`] left to ONNX Runtime's own kernels.
///
/// # Errors
/// Whatever ONNX Runtime says.
pub(super) fn leftover(session: &Session) -> ort::Result<Leftover> {
    let mut left = Leftover::default();
    for subgraph in subgraphs(session)? {
        let nodes = nodes(subgraph)?;
        left.of += nodes.len();
        if provider(subgraph)? == CPU {
            left.nodes += nodes.len();
            for node in nodes {
                left.operators.insert(operator(node)?.to_string_lossy().into_owned());
            }
        }
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
