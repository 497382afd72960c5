//! `wuerst lsp`: a language server for graph files, over stdin and stdout.

mod answers;
mod document;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use serde_json::{Value as Json, json};
use wuerst::core::Diagnostic;
use wuerst::{Engine, Error};

use crate::setup::Setup;
use document::Document;

/// Serve editors that speak the language server protocol, over stdin and stdout
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    setup: Setup,
}

/// The open files, each with the engine that checks it.
struct Server<'a> {
    setup: &'a Setup,
    open: HashMap<String, Open>,
}

struct Open {
    engine: Engine,
    document: Document,
}

/// Serves until the editor says that it is done.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let (connection, threads) = Connection::stdio();
    let abilities = json!({
        "textDocumentSync": 1,
        "completionProvider": { "triggerCharacters": ["$", ".", " "] },
        "hoverProvider": true,
        "definitionProvider": true,
        "renameProvider": { "prepareProvider": false },
    });
    connection.initialize(abilities)?;
    let mut server = Server { setup: &args.setup, open: HashMap::new() };
    for message in &connection.receiver {
        match message {
            Message::Request(request) if connection.handle_shutdown(&request)? => break,
            Message::Request(request) => {
                connection.sender.send(server.answer(request).into()).map_err(|_| closed())?;
            }
            Message::Notification(note) => {
                if let Some(said) = server.note(&note) {
                    connection.sender.send(said.into()).map_err(|_| closed())?;
                }
            }
            Message::Response(_) => {}
        }
    }
    drop(connection);
    threads.join()?;
    Ok(ExitCode::SUCCESS)
}

fn closed() -> anyhow::Error {
    anyhow!("the editor has closed its end")
}

impl Server<'_> {
    /// Handles a notification of the editor; returns the notification to send, if any.
    fn note(&mut self, note: &Notification) -> Option<Notification> {
        let document = &note.params["textDocument"];
        let uri = document["uri"].as_str()?.to_owned();
        match note.method.as_str() {
            "textDocument/didOpen" => self.changed(&uri, document["text"].as_str()?),
            "textDocument/didChange" => {
                let changes = note.params["contentChanges"].as_array()?;
                self.changed(&uri, changes.last()?["text"].as_str()?)
            }
            "textDocument/didClose" => {
                self.open.remove(&uri);
                Some(diagnostics(&uri, vec![]))
            }
            _ => None,
        }
    }

    /// Checks a file that was opened or changed.
    fn changed(&mut self, uri: &str, text: &str) -> Option<Notification> {
        let path = path_of(uri);
        let engine = match self.open.remove(uri) {
            Some(open) => Ok(open.engine),
            None => self.setup.engine_without_models(path.as_deref()),
        };
        let engine = match engine {
            Ok(engine) => engine,
            Err(error) => {
                let problem = (1, 1, error.to_string());
                return Some(diagnostics(uri, vec![shown(text, problem, 1)]));
            }
        };
        let mut found = Vec::new();
        let mut add = |problems: &[Diagnostic], severity: u32| {
            for problem in problems {
                let severity = if problem.is_note() { 3 } else { severity };
                found.push(shown(text, (problem.line, problem.column, problem.message.clone()), severity));
            }
        };
        match engine.graph(text) {
            Ok(graph) => {
                add(graph.missing_defaults(), 1);
                add(graph.warnings(), 2);
                add(graph.notes(), 3);
            }
            Err(Error::Graph(problems)) => add(&problems, 1),
            Err(other) => found.push(shown(text, (1, 1, other.to_string()), 1)),
        }
        let folder = self.setup.models(path.as_deref()).ok();
        let document = Document::new(text, folder);
        self.open.insert(uri.to_owned(), Open { engine, document });
        Some(diagnostics(uri, found))
    }

    fn answer(&self, request: Request) -> Response {
        let params = &request.params;
        let open = params["textDocument"]["uri"].as_str().and_then(|uri| Some((uri, self.open.get(uri)?)));
        let Some((uri, Open { engine, document })) = open else {
            return Response::new_err(
                request.id,
                ErrorCode::InvalidParams as i32,
                "no such file is open".into(),
            );
        };
        let at = &params["position"];
        let number = |name: &str| at[name].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        let at = document.offset(number("line"), number("character"));
        let registry = engine.registry();
        let result = match request.method.as_str() {
            "textDocument/completion" => Ok(answers::completion(document, at, &registry)),
            "textDocument/hover" => Ok(answers::hover(document, at, &registry)),
            "textDocument/definition" => Ok(answers::definition(document, at, uri)),
            "textDocument/rename" => {
                answers::rename(document, at, uri, params["newName"].as_str().unwrap_or_default())
            }
            other => {
                let code = ErrorCode::MethodNotFound as i32;
                return Response::new_err(request.id, code, format!("`{other}` is not served"));
            }
        };
        match result {
            Ok(result) => Response::new_ok(request.id, result),
            Err(message) => Response::new_err(request.id, ErrorCode::InvalidParams as i32, message),
        }
    }
}

fn diagnostics(uri: &str, found: Vec<Json>) -> Notification {
    let params = json!({ "uri": uri, "diagnostics": found });
    Notification::new("textDocument/publishDiagnostics".into(), params)
}

/// A problem in the protocol's form, up to the end of the word at its place.
fn shown(text: &str, (line, column, message): (u32, u32, String), severity: u32) -> Json {
    let (line, column) = (line.max(1) as usize - 1, column.max(1) as usize - 1);
    let content = text.lines().nth(line).unwrap_or_default();
    let width = |chars: usize| content.chars().take(chars).map(char::len_utf16).sum::<usize>();
    let word =
        content.chars().skip(column).take_while(|c| !c.is_whitespace() && !",{}[]".contains(*c)).count();
    let (from, to) = (width(column), width(column + word.max(1)));
    json!({
        "range": { "start": { "line": line, "character": from }, "end": { "line": line, "character": to } },
        "severity": severity,
        "source": "wuerst",
        "message": message,
    })
}

/// The path of a file's URI.
fn path_of(uri: &str) -> Option<PathBuf> {
    let encoded = uri.strip_prefix("file://")?.as_bytes();
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut at = 0;
    while let Some(&byte) = encoded.get(at) {
        let code = encoded.get(at + 1..at + 3).and_then(|code| std::str::from_utf8(code).ok());
        match (byte, code.and_then(|code| u8::from_str_radix(code, 16).ok())) {
            (b'%', Some(code)) => {
                bytes.push(code);
                at += 3;
            }
            _ => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    Some(PathBuf::from(String::from_utf8(bytes).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_paths() {
        assert_eq!(path_of("file:///a%20b/%C3%A9.yaml"), Some(PathBuf::from("/a b/é.yaml")));
        assert_eq!(path_of("file:///100%"), Some(PathBuf::from("/100%")));
        assert_eq!(path_of("untitled:1"), None);
    }
}
