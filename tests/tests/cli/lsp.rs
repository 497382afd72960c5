//! `wuerst lsp`, by a scripted client; and `wuerst check --watch`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};
use wuerst_tests::built::{command, tiny};

/// An editor that speaks to a server.
struct Editor {
    server: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    next: u64,
    uri: String,
}

impl Drop for Editor {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Editor {
    fn start(folder: &Path) -> Result<Editor> {
        let mut server = command()?;
        server.args(["lsp", "--models"]).arg(tiny()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = server.spawn()?;
        let (to, from) = (server.stdin.take(), server.stdout.take().context("stdout")?);
        let uri = format!("file://{}", folder.join("a graph.yaml").display()).replace(' ', "%20");
        let mut editor = Editor { server, to, from: BufReader::new(from), next: 0, uri };
        let abilities = editor.ask("initialize", json!({ "capabilities": {} }))?;
        ensure!(abilities["capabilities"]["renameProvider"].is_object(), "{abilities}");
        editor.tell("initialized", json!({}))?;
        Ok(editor)
    }

    fn send(&mut self, message: &Json) -> Result<()> {
        let text = message.to_string();
        let to = self.to.as_mut().context("an open pipe")?;
        write!(to, "Content-Length: {}\r\n\r\n{text}", text.len())?;
        Ok(to.flush()?)
    }

    fn tell(&mut self, method: &str, params: Json) -> Result<()> {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
    }

    fn receive(&mut self) -> Result<Json> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            ensure!(self.from.read_line(&mut line)? > 0, "the server has ended");
            match line.trim().strip_prefix("Content-Length: ") {
                Some(number) => length = number.parse()?,
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        let mut text = vec![0; length];
        self.from.read_exact(&mut text)?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// The answer to a request; what the server says by itself is passed over.
    fn response(&mut self, method: &str, params: Json) -> Result<Json> {
        self.next += 1;
        let id = self.next;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        loop {
            let message = self.receive()?;
            if message["id"] == id {
                return Ok(message);
            }
        }
    }

    fn ask(&mut self, method: &str, params: Json) -> Result<Json> {
        let message = self.response(method, params)?;
        ensure!(message["error"].is_null(), "{message}");
        Ok(message["result"].clone())
    }

    /// Sends a new text; gives the problems as line, column, severity and message.
    fn types(&mut self, text: &str) -> Result<Vec<(u64, u64, u64, String)>> {
        let document = json!({ "uri": self.uri, "languageId": "yaml", "version": self.next, "text": text });
        if self.next == 1 {
            self.tell("textDocument/didOpen", json!({ "textDocument": document }))?;
            self.next += 1;
        } else {
            let change = json!({ "textDocument": document, "contentChanges": [{ "text": text }] });
            self.tell("textDocument/didChange", change)?;
        }
        let said = loop {
            let message = self.receive()?;
            if message["method"] == "textDocument/publishDiagnostics" {
                break message["params"]["diagnostics"].clone();
            }
        };
        let problem = |problem: &Json| {
            let start = &problem["range"]["start"];
            let number = |value: &Json| value.as_u64().context("a number");
            let message = problem["message"].as_str().context("a message")?.to_owned();
            Ok((
                number(&start["line"])?,
                number(&start["character"])?,
                number(&problem["severity"])?,
                message,
            ))
        };
        said.as_array().context("problems")?.iter().map(problem).collect()
    }

    /// Asks about the place in a text that `|` marks.
    fn at(&mut self, method: &str, marked: &str, more: Json) -> Result<Json> {
        let before = marked.split('|').next().unwrap_or_default();
        let line = before.matches('\n').count();
        let character = before.rsplit('\n').next().unwrap_or_default().encode_utf16().count();
        let mut params = json!({ "textDocument": { "uri": self.uri }, "position": { "line": line, "character": character } });
        for (key, value) in more.as_object().into_iter().flatten() {
            params[key] = value.clone();
        }
        self.response(method, params)
    }

    fn proposed(&mut self, marked: &str) -> Result<Vec<String>> {
        self.types(&marked.replace('|', ""))?;
        let answer = self.at("textDocument/completion", marked, json!({}))?;
        let items = answer["result"].as_array().context("items")?;
        Ok(items.iter().filter_map(|item| Some(item["label"].as_str()?.to_owned())).collect())
    }
}

const GRAPH: &str = "wuerstchen: 1
inputs: { prompt: text, seed: int = 0 }
nodes:
  tokens: { use: wuerst.tokenize, with: { text: $prompt, model: text-encoder } }
  text:
    use: wuerst.text_encode
    with:
      ids: $tokens.ids
      mask: $tokens.mask
      model: text-encoder
outputs: { states: $text.states }  # of $prompt
";

#[test]
fn mistakes_are_told_while_typing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut editor = Editor::start(folder.path())?;
    let notes = editor.types(GRAPH)?;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_eq!((notes[0].0, notes[0].2), (1, 3), "an input that nothing uses is a note: {notes:?}");
    let wrong = editor.types(
        &GRAPH.replace("$tokens.ids", "$tokens.idz").replace("text, seed", "text, \"🌭é\": int, seed"),
    )?;
    assert!(
        wrong.iter().any(|(line, column, severity, message)| {
            (*line, *column, *severity) == (7, 11, 1) && message.contains("did you mean `ids`?")
        }),
        "{wrong:?}"
    );
    let broken = editor.types("wuerstchen: 1\nnodes: { a: [\n")?;
    assert!(!broken.is_empty());
    let used = GRAPH.replace("seed: int = 0", "seed: int");
    editor.types(&used)?;
    let closed = editor.response("textDocument/unheard", json!({ "textDocument": { "uri": editor.uri } }))?;
    assert!(closed["error"]["message"].as_str().is_some_and(|said| said.contains("unheard")), "{closed}");
    assert!(editor.ask("shutdown", json!(null))?.is_null());
    editor.tell("exit", json!(null))?;
    drop(editor.to.take());
    assert!(editor.server.wait()?.success());
    Ok(())
}

#[test]
fn kinds_ports_wires_and_models_are_completed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut editor = Editor::start(folder.path())?;
    let kinds = editor.proposed(&GRAPH.replace("use: wuerst.text_encode", "use: wuerst.te|"))?;
    assert!(kinds.contains(&"wuerst.text_encode".into()) && kinds.contains(&"image.fit".into()), "{kinds:?}");
    let wires = editor.proposed(&GRAPH.replace("ids: $tokens.ids", "ids: $|"))?;
    assert_eq!(wires, ["prompt", "seed", "tokens", "text"]);
    let outputs = editor.proposed(&GRAPH.replace("$tokens.ids", "$tokens.|"))?;
    assert_eq!(outputs, ["ids", "mask", "weights"]);
    let ports = editor.proposed(&GRAPH.replace("model: text-encoder }", "model: text-encoder, | }"))?;
    assert_eq!(ports, ["lines", "weighting", "chunks"]);
    let ports = editor.proposed(&GRAPH.replace("      mask: $tokens.mask\n", "      |\n"))?;
    assert_eq!(ports, ["mask"]);
    let models = editor.proposed(&GRAPH.replace("      model: text-encoder", "      model: |"))?;
    assert!(models.contains(&"prior".into()) && models.contains(&"text-encoder".into()), "{models:?}");
    let choices =
        editor.proposed(&GRAPH.replace("model: text-encoder }", "model: text-encoder, weighting: | }"))?;
    assert_eq!(choices, ["off", "comfyui", "a1111"]);
    let flags =
        editor.proposed(&GRAPH.replace("model: text-encoder }", "model: text-encoder, lines: | }"))?;
    assert_eq!(flags, ["true", "false"]);
    Ok(())
}

#[test]
fn names_are_explained_found_and_renamed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut editor = Editor::start(folder.path())?;
    editor.types(GRAPH)?;
    let hover = |editor: &mut Editor, marked: &str| -> Result<String> {
        let answer = editor.at("textDocument/hover", marked, json!({}))?;
        Ok(answer["result"]["contents"]["value"].as_str().unwrap_or_default().to_owned())
    };
    let kind = hover(&mut editor, &GRAPH.replace("wuerst.text_encode", "wuerst.te|xt_encode"))?;
    assert!(kind.contains("Makes the states of a text"), "{kind}");
    let port = hover(&mut editor, &GRAPH.replace("$tokens.mask", "$tokens.ma|sk"))?;
    assert!(port.contains("mask: i64[b,l]") && port.contains("padding"), "{port}");
    let input = hover(&mut editor, &GRAPH.replace("text: $prompt", "text: $pro|mpt"))?;
    assert!(input.contains("prompt: text"), "{input}");
    let argument = hover(&mut editor, &GRAPH.replace("      ids: ", "      i|ds: "))?;
    assert!(argument.contains("Token ids, from"), "{argument}");
    assert_eq!(hover(&mut editor, "wuer|stchen: 1")?, "");

    let place = |line: u64, from: u64, to: u64| json!({ "start": { "line": line, "character": from }, "end": { "line": line, "character": to } });
    let definition = |editor: &mut Editor, marked: &str| -> Result<Json> {
        Ok(editor.at("textDocument/definition", marked, json!({}))?["result"]["range"].clone())
    };
    assert_eq!(definition(&mut editor, &GRAPH.replace("$tokens.mask", "$tok|ens.mask"))?, place(3, 2, 8));
    assert_eq!(definition(&mut editor, &GRAPH.replace("text: $prompt", "text: $|prompt"))?, place(1, 10, 16));
    assert_eq!(definition(&mut editor, "wuer|stchen: 1")?, Json::Null);

    let renamed = |editor: &mut Editor, marked: &str, name: &str| -> Result<Json> {
        editor.at("textDocument/rename", marked, json!({ "newName": name }))
    };
    let answer = renamed(&mut editor, &GRAPH.replace("  tokens: {", "  tok|ens: {"), "words")?;
    let edits = answer["result"]["changes"][&editor.uri].as_array().context("edits")?.clone();
    let ranges: Vec<Json> = edits.iter().map(|edit| edit["range"].clone()).collect();
    assert_eq!(ranges, [place(3, 2, 8), place(7, 12, 18), place(8, 13, 19)]);
    assert!(edits.iter().all(|edit| edit["newText"] == "words"));
    let answer = renamed(&mut editor, &GRAPH.replace("text: $prompt", "text: $pr|ompt"), "about")?;
    let edits = answer["result"]["changes"][&editor.uri].as_array().context("edits")?.clone();
    assert_eq!(edits.len(), 2, "the declaration and one wire, no comment: {edits:?}");
    for (name, want) in [("text", "is there already"), ("7up", "is not a name"), ("a b", "is not a name")] {
        let refused = renamed(&mut editor, &GRAPH.replace("  tokens: {", "  tok|ens: {"), name)?;
        assert!(refused["error"]["message"].as_str().is_some_and(|said| said.contains(want)), "{refused}");
    }
    Ok(())
}

#[test]
fn large_and_odd_files_are_answered() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut editor = Editor::start(folder.path())?;
    let begun = std::time::Instant::now();
    for text in
        ["", "\u{feff}", "a: &b [*b]", "é$é.", "\t\u{0}", &"(".repeat(1 << 20), &"$a.b ".repeat(1 << 16)]
    {
        editor.types(text)?;
        for method in ["completion", "hover", "definition"] {
            for marked in [format!("{text}|"), format!("|{text}")] {
                let answer = editor.at(&format!("textDocument/{method}"), &marked, json!({}))?;
                ensure!(answer["error"].is_null(), "{method}: {answer}");
            }
        }
    }
    assert!(begun.elapsed().as_secs() < 60, "it took {:?}", begun.elapsed());
    Ok(())
}

#[test]
fn check_reports_each_change_as_a_line() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let graph = folder.path().join("g.yaml");
    fs::write(&graph, GRAPH)?;
    let mut checking = command()?;
    checking.arg("check").arg(&graph).args(["--watch", "--json", "--models"]).arg(tiny());
    let mut checking = checking.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut lines = BufReader::new(checking.stdout.take().context("stdout")?).lines();
    let mut next = || -> Result<Json> { Ok(serde_json::from_str(&lines.next().context("a line")??)?) };
    let problems = |said: &Json| said["problems"].as_array().map_or(99, Vec::len);
    let first = next()?;
    assert_eq!(problems(&first), 0, "{first}");
    fs::write(&graph, GRAPH.replace("$tokens.ids", "$tokens.idz"))?;
    let second = next()?;
    assert_eq!((problems(&second), &second["problems"][0]["line"]), (1, &json!(8)), "{second}");
    fs::write(&graph, GRAPH)?;
    assert_eq!(problems(&next()?), 0);
    checking.kill()?;
    checking.wait()?;
    let refused = command()?.args(["check", "-", "--watch"]).stdin(Stdio::null()).output()?;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("name a file to --watch"));
    Ok(())
}
