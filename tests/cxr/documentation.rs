//! The README and the pages of `docs/`: their commands run, their links work, their JSON is valid.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Authority, NAMES, Sandbox, files_under, schema_error};

/// Commands that build the program first, in a checkout.
const BUILT_FIRST: &str = "cargo run --release --locked -- ";

/// The most words that the README may have.
const README_WORDS: usize = 1500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A page, with its path in the repository.
struct Page {
    path: PathBuf,
    text: String,
}

/// A fenced block of a page.
struct Block {
    language: String,
    lines: Vec<String>,
}

impl Page {
    fn read(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_owned();
        let text = fs::read_to_string(root().join(&path));
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    fn name(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    fn is_markdown(&self) -> bool {
        self.path.extension().is_some_and(|extension| extension == "md")
    }

    /// The fenced blocks, and the lines outside of them.
    fn parts(&self) -> (Vec<Block>, Vec<&str>) {
        let (mut blocks, mut prose) = (Vec::<Block>::new(), Vec::new());
        let mut is_inside = false;
        for line in self.text.lines() {
            match line.trim_start().strip_prefix("```") {
                Some(language) => {
                    is_inside = !is_inside;
                    if is_inside {
                        blocks.push(Block { language: language.to_owned(), lines: Vec::new() });
                    }
                }
                None if is_inside => blocks.last_mut().unwrap().lines.push(line.to_owned()),
                None => prose.push(line),
            }
        }
        assert!(!is_inside, "{}: a block has no end", self.name());
        (blocks, prose)
    }

    /// Every command line that starts `cxr`, in `sh` blocks and between backticks.
    fn commands(&self) -> Vec<String> {
        let (blocks, prose) = self.parts();
        let shell = blocks.iter().filter(|block| block.language == "sh");
        let lines = shell.map(|block| block.lines.join("\n").replace("\\\n", " "));
        let lines: Vec<String> = lines.flat_map(|text| lines_of(&text)).collect();
        let quoted = prose.iter().flat_map(|line| line.split('`').skip(1).step_by(2));
        let quoted = quoted.filter(|code| code.starts_with("cxr ")).map(str::to_owned);
        let lines = lines.into_iter().map(|line| line.replace(BUILT_FIRST, "cxr "));
        lines.filter(|line| starts_cxr(line)).chain(quoted).collect()
    }

    /// The targets of the links, as written.
    fn links(&self) -> Vec<String> {
        let (_, prose) = self.parts();
        let prose: String = prose.iter().map(|line| without_code(line) + "\n").collect();
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        targets.map(|(target, _)| target.to_owned()).collect()
    }

    /// The anchors of its headings, as GitHub makes them.
    fn anchors(&self) -> BTreeSet<String> {
        let (_, prose) = self.parts();
        let headings = prose.iter().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }
}

fn lines_of(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// True if `cxr` is the first program of the line, behind variables that are set for it.
fn starts_cxr(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| word.contains('='));
    words.next() == Some("cxr")
}

/// The line with nothing between its backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("``")
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The pages under `docs/`.
fn docs() -> Vec<Page> {
    let mut files = files_under(&root().join("docs"));
    files.sort();
    let paths = files.iter().map(|file| file.strip_prefix(root()).unwrap());
    paths.map(Page::read).filter(Page::is_markdown).collect()
}

/// The README and the pages under `docs/`.
fn manual() -> Vec<Page> {
    let mut pages = docs();
    pages.insert(0, Page::read("README.md"));
    pages
}

/// Every page of the repository.
fn all() -> Vec<Page> {
    let others = [
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "checksums/README.md",
        "metadata/README.md",
        "fuzz/README.md",
        "tests/README.md",
    ];
    manual().into_iter().chain(others.map(Page::read)).collect()
}

/// A sandbox with the files that the commands name, and with a `cxr` on the path that logs its exit
/// status and arguments.
fn machine() -> Sandbox {
    let sandbox = Sandbox::new();
    let script = format!(
        "#!/bin/sh\n'{}' \"$@\"\nstatus=$?\necho \"$status cxr $*\" >>'{}'\nexit $status\n",
        env!("CARGO_BIN_EXE_cxr"),
        sandbox.path("statuses").display(),
    );
    let cxr = sandbox.put("bin/cxr", script);
    fs::set_permissions(cxr, fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.put("MD5SUMS", format!("d41d8cd98f00b204e9800998ecf8427e  {}\n", NAMES[0]));
    let authority = Authority::get().certificate(&sandbox);
    fs::copy(authority, sandbox.path("company-ca.pem")).unwrap();
    fs::create_dir(sandbox.path("nih")).unwrap();
    let record = format!("00000001_000.png\t1\t00000000\t{}\t{}\n", "0".repeat(64), NAMES[0]);
    sandbox.put("nih/images.tsv", format!("name\tbytes\tcrc32\tsha256\tarchive\n{record}"));
    sandbox
}

/// Runs a line in a shell. No server answers: only the command line is tested.
fn run(line: &str, sandbox: &Sandbox) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![sandbox.path("bin")];
    folders.extend(std::env::split_paths(&path));
    let closed = "http://127.0.0.1:9";
    let mut shell = Command::new("bash");
    shell
        .args(["-c", line])
        .env_clear()
        .env("PATH", std::env::join_paths(folders).unwrap())
        .env("HOME", sandbox.path("home"))
        .env("CXR_RETRIES", "1")
        .env("CXR_BACKOFF_MS", "1")
        .envs([("http_proxy", closed), ("https_proxy", closed), ("no_proxy", "127.0.0.1")])
        .current_dir(sandbox.root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    shell.status().unwrap();
}

/// The commands of a page that cxr refuses or that do not reach it, with their exit status.
fn refused(page: &Page) -> Vec<String> {
    let sandbox = machine();
    let log = sandbox.path("statuses");
    let mut wrong = Vec::new();
    for line in page.commands() {
        run(&line, &sandbox);
        let statuses = fs::read_to_string(&log).unwrap_or_default();
        let is_right = |status: &str| ["0 ", "1 ", "3 "].iter().any(|s| status.starts_with(s));
        if statuses.is_empty() || !statuses.lines().all(is_right) {
            wrong.push(format!("{}: {line}: {statuses:?}", page.name()));
        }
        fs::write(&log, "").unwrap();
    }
    wrong
}

#[test]
fn every_command_shown_is_accepted_by_cxr() {
    let pages = all();
    let count: usize = pages.iter().map(|page| page.commands().len()).sum();
    assert!(count > 50, "{count}");
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = pages.iter().map(|page| scope.spawn(|| refused(page))).collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_link_between_the_pages_leads_to_a_file_and_a_heading() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in all() {
        for link in page.links().into_iter().filter(|link| !link.contains("://")) {
            count += 1;
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let folder = root().join(&page.path).parent().unwrap().to_owned();
            let target = if file.is_empty() { root().join(&page.path) } else { folder.join(file) };
            let is_right = target.exists()
                && (heading.is_empty() || Page::read(&target).anchors().contains(heading));
            if !is_right {
                wrong.push(format!("{}: {link}", page.name()));
            }
        }
    }
    assert!(count > 50, "{count}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_readme_is_short_and_leads_to_every_page() {
    let readme = Page::read("README.md");
    let words = readme.text.split_whitespace().count();
    assert!(words < README_WORDS, "{words} words");
    let links = readme.links();
    let all = all();
    let pages = all.iter().map(Page::name).filter(|name| name != "README.md");
    let own = ["fuzz/README.md", "tests/README.md"];
    let missing: Vec<_> =
        pages.filter(|page| !links.contains(page) && !own.contains(&page.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_page_begins_with_an_example() {
    for page in docs().iter().filter(|page| page.name() != "docs/architecture.md") {
        let mut lines = page.text.lines().filter(|line| !line.is_empty());
        let (title, example) = (lines.next().unwrap(), lines.next().unwrap());
        assert!(title.starts_with("# ") && example == "```sh", "{}: {example}", page.name());
    }
}

#[test]
fn the_architecture_names_files_and_folders_that_exist() {
    let page = Page::read("docs/architecture.md");
    let words = page.text.split(|c: char| !c.is_alphanumeric() && !"_-./".contains(c));
    let is_file = |word: &str| Path::new(word).extension().is_some_and(|name| name == "rs");
    let is_name = |word: &&str| word.len() > 1 && (word.ends_with('/') || is_file(word));
    let names: BTreeSet<&str> = words.filter(is_name).filter(|word| *word != ".cxr/").collect();
    assert!(names.len() > 40, "{names:?}");
    let files = ["src", "tests", "benches"].map(|folder| files_under(&root().join(folder)));
    let files: Vec<String> =
        files.concat().iter().map(|file| format!("{}/", file.display())).collect();
    let is_there = |name: &str| {
        let whole = format!("/{}/", name.trim_end_matches('/'));
        files.iter().any(|file| file.contains(&whole))
    };
    let missing: Vec<_> = names.into_iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_json_document_shown_fits_its_schema() {
    let mut count = 0;
    for page in manual() {
        for block in page.parts().0.into_iter().filter(|block| block.language == "json") {
            let text = block.lines.join("\n");
            let documents = serde_json::Deserializer::from_str(&text).into_iter();
            for document in documents {
                let document: serde_json::Value = document.unwrap();
                let (name, _) = document["schema"].as_str().unwrap().split_once('/').unwrap();
                let schema = name.strip_prefix("cxr.").unwrap();
                assert_eq!(schema_error(schema, &document.to_string()), None, "{}", page.name());
                count += 1;
            }
        }
    }
    assert!(count >= 4, "{count}");
}
