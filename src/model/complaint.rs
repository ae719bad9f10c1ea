//! What ONNX Runtime complains of, in words for a user.

use super::one_line;

/// The complaint as one short line, without the places in ONNX Runtime's own sources.
pub(super) fn reason(error: &ort::Error) -> String {
    if error.code() == ort::ErrorCode::InvalidProtobuf {
        return "is not an ONNX model, or is cut".into();
    }
    let message = error.message();
    // "Load model from FILE failed:": the caller names the file.
    let message = message.split_once(" failed:").map_or(message, |(_, after)| after);
    if let Some(missing) = missing_library(message) {
        return one_line(&missing);
    }
    // "bool f(int) status == good was false. Reason": the condition is for those who know the source.
    let message = message.rsplit_once(" was false. ").map_or(message, |(_, after)| after);
    one_line(&format!("ONNX Runtime refuses it: {}", without_location(message)))
}

/// What a provider lacks whose library does not load: "Failed to load library A with error: B: cannot open shared object file".
fn missing_library(text: &str) -> Option<String> {
    let (_, why) = text.split_once("Failed to load library ")?.1.split_once(" with error: ")?;
    let missing = why.split_once(": cannot open shared object file");
    Some(missing.map_or_else(|| format!("its library does not load: {why}"), |(name, _)| format!("{name} is missing")))
}

/// `text` without "/source/file.cc:245 type Class::function(arguments) const".
fn without_location(text: &str) -> String {
    let is_location = |word: &str| {
        let (file, line) = word.rsplit_once(':').unwrap_or_default();
        (file.ends_with(".cc") || file.ends_with(".h")) && line.parse::<u32>().is_ok()
    };
    let Some(location) = text.split_whitespace().find(|word| is_location(word)) else { return text.to_owned() };
    let Some((before, after)) = text.split_once(location) else { return text.to_owned() };
    let mut depth = 0;
    let end = after.char_indices().find_map(|(at, c)| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        (c == ')' && depth == 0).then_some(at + 1)
    });
    let message = end.map_or(after, |end| after[end..].trim_start().trim_start_matches("const "));
    format!("{before}{}", message.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_missing_is_named() {
        let text = "[ONNXRuntimeError] : 1 : FAIL : Failed to load library /a/b.so with error: ";
        let missing = missing_library(&format!("{text}libcuda.so.1: cannot open shared object file: No such file"));
        assert_eq!(missing.as_deref(), Some("libcuda.so.1 is missing"));
        assert_eq!(missing_library(&format!("{text}bad")).as_deref(), Some("its library does not load: bad"));
        assert_eq!(missing_library("all is well"), None);
    }

    #[test]
    fn the_place_in_the_source_goes_and_the_message_stays() {
        let cases = [
            ("plain (really)", "plain (really)"),
            (
                "/src/model.cc:245 onnxruntime::Model::Model(A&&, const B&) Missing opset (all need one)",
                "Missing opset (all need one)",
            ),
            ("Status Message: /src/x.h:3 void* f(g<h(int)>, bool) const No memory", "Status Message: No memory"),
            ("/src/x.cc:3 without an end (", "without an end ("),
            ("a:b c.cc:d 12:30", "a:b c.cc:d 12:30"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_location(text), expected);
        }
    }
}
