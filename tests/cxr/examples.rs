//! The examples of `docs/examples/`: their commands run, and the tools that read them, if installed,
//! accept them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{
    Archive, Fault, ImageArchive, NAMES, Sandbox, Server, archives, inventory, is_installed,
    python_with, xml_schema_error,
};

const MIRROR: &str = "https://mirror.example.org/nih";

fn path(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples")).join(name)
}

fn example(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

/// A YAML file, read by Python. Returns `None` without its YAML module.
fn yaml(name: &str) -> Option<Value> {
    let read = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let output = Command::new(python_with("yaml")?).args(["-c", read]).arg(path(name)).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// A machine with `cxr`, a small table, and replacements for the programs of a cluster.
struct Machine<'a> {
    sandbox: &'a Sandbox,
    table: PathBuf,
}

impl<'a> Machine<'a> {
    fn new(sandbox: &'a Sandbox, archives: &[Archive]) -> Self {
        let machine = Self { sandbox, table: sandbox.table_with_sha256s(archives) };
        machine.install("cxr", &format!("exec '{}' \"$@\"", env!("CARGO_BIN_EXE_cxr")));
        machine
    }

    fn install(&self, name: &str, script: &str) {
        let path = self.sandbox.put(Path::new("bin").join(name), format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A script in a shell that ends at the first failure, as in CI systems.
    fn shell(&self, script: &str) -> Command {
        let mut path = self.sandbox.path("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command
            .args(["-e", "-c", script])
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.sandbox.path("home"))
            .env("CXR_CHECKSUMS", &self.table)
            .env("CXR_RETRIES", "2")
            .env("CXR_BACKOFF_MS", "20")
            .current_dir(self.sandbox.root())
            .stdin(Stdio::null());
        command
    }
}

fn said(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream));
    format!("{}\n{}", output.status, streams.concat())
}

/// A mirror with the archives. The second is wrong unless `is_right`.
fn mirror(all: &[Archive], is_right: bool) -> Server {
    let server = Server::with(all);
    if !is_right {
        server.inject(Fault::Flip { at: 100_000 }.on(&all[1].path()));
    }
    server
}

#[test]
fn the_job_for_github_verifies_a_mirror() {
    let Some(workflow) = yaml("github-verify.yml") else { return };
    let job = &workflow["jobs"]["verify"];
    assert_eq!(job["env"]["MIRROR"], MIRROR);
    let steps = job["steps"].as_array().unwrap();
    let runs: Vec<_> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    assert_eq!(runs[0], "cargo install --locked --path .", "as the README says");
    for (is_right, status) in [(true, 0), (false, 1)] {
        let (sandbox, all) = (Sandbox::new(), archives(2));
        let server = mirror(&all, is_right);
        let machine = Machine::new(&sandbox, &all);
        let mut step = machine.shell(&runs[1..].join("\n"));
        step.env("MIRROR", server.base()).env("GITHUB_ACTIONS", "true");
        let output = step.env("GITHUB_STEP_SUMMARY", "summary.md").output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{}", said(&output));
        let errors = said(&output).matches("\n::error title=cxr verify").count();
        assert_eq!(errors, usize::from(!is_right), "{}", said(&output));
        assert!(fs::read_to_string(sandbox.path("summary.md")).unwrap().contains(NAMES[1]));
        let kept = steps.iter().find_map(|step| step["with"]["path"].as_str()).unwrap();
        let report: Value = serde_json::from_slice(&fs::read(sandbox.path(kept)).unwrap()).unwrap();
        assert_eq!(report["ok"], is_right);
    }
}

#[test]
fn the_job_for_gitlab_leaves_a_test_report() {
    let Some(pipeline) = yaml("gitlab-ci.yml") else { return };
    let job = &pipeline["verify-nih-mirror"];
    assert_eq!(job["variables"]["MIRROR"], MIRROR);
    assert_eq!(words(&job["before_script"]), ["cargo install --locked --path ."]);
    for (is_right, status) in [(true, 0), (false, 1)] {
        let (sandbox, all) = (Sandbox::new(), archives(2));
        let server = mirror(&all, is_right);
        let machine = Machine::new(&sandbox, &all);
        let mut script = machine.shell(&words(&job["script"]).join("\n"));
        let output = script.env("MIRROR", server.base()).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{}", said(&output));
        let junit = sandbox.path(job["artifacts"]["reports"]["junit"].as_str().unwrap());
        assert_eq!(xml_schema_error("junit.xsd", &junit), None);
        for path in words(&job["artifacts"]["paths"]) {
            assert!(sandbox.path(&path).exists(), "{path}");
        }
    }
}

#[test]
fn the_cron_line_prints_only_problems() {
    let crontab = example("cxr-verify.cron");
    let line = crontab.lines().find(|line| line.contains("/srv/nih")).unwrap();
    // Five fields of time and the user; cron would take a `%` for the end of a line.
    let command = line.splitn(7, ' ').last().unwrap();
    assert!(command.starts_with("found=") && !command.contains('%'), "{command}");
    assert!(command.contains(" --background "), "it gives way: {command}");
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let machine = Machine::new(&sandbox, &all);
    let command = command.replace("/srv/nih", "data");
    sandbox.put_archive(&all[0]);
    sandbox.put_archive(&all[1]);
    let output = machine.shell(&command).output().unwrap();
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{}", said(&output));
    sandbox.put(Path::new("data").join(NAMES[1]), all[1].flipped(1000));
    let output = machine.shell(&command).output().unwrap();
    let text = said(&output);
    assert_eq!(text.matches(&format!("corrupt      {}", NAMES[1])).count(), 1, "{text}");
    assert!(!text.contains(NAMES[0]) && text.contains("\n1 ok, 1 corrupt in "), "{text}");
}

#[test]
fn systemd_accepts_the_units() {
    if !is_installed("systemd-analyze") {
        eprintln!("skipped: `systemd-analyze` is not installed");
        return;
    }
    let sandbox = Sandbox::new();
    let files = ["cxr-verify.service", "cxr-verify.timer"].map(|name| {
        let unit = example(name).replace("/usr/local/bin/cxr", env!("CARGO_BIN_EXE_cxr"));
        sandbox.put(name, unit)
    });
    let output = Command::new("systemd-analyze").arg("verify").args(&files).output().unwrap();
    let said = said(&output);
    let about_ours: Vec<_> = said.lines().filter(|line| line.contains("cxr-verify")).collect();
    assert!(output.status.success() && about_ours.is_empty(), "{said}");
}

/// A setting of the service.
fn setting<'a>(unit: &'a str, name: &str) -> &'a str {
    let value = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("{name}= in the unit"))
}

/// Starts the service with a read-only folder of archives. Returns its exit status and report.
fn serve(machine: &Machine<'_>, unit: &str) -> (Option<i32>, Value) {
    let sandbox = machine.sandbox;
    let command = setting(unit, "ExecStart").replace("/usr/local/bin/", "");
    // Root could write in spite of the permissions.
    let prefix = if rustix::process::geteuid().is_root() { "unshare --user " } else { "" };
    let script = format!("{prefix}{}", command.replace("/srv/nih", "data"));
    let states = sandbox.path("state");
    let state = states.join(setting(unit, "StateDirectory"));
    let environment = setting(unit, "Environment").replace("%S", states.to_str().unwrap());
    let (variable, value) = environment.split_once('=').unwrap();
    let mut run = machine.shell(&script);
    let output = run.env("STATE_DIRECTORY", &state).env(variable, value).output().unwrap();
    let report =
        fs::read(state.join("report.json")).unwrap_or_else(|_| panic!("{}", said(&output)));
    (output.status.code(), serde_json::from_slice(&report).unwrap())
}

#[test]
fn the_service_checks_what_is_due_and_writes_its_report_and_notes() {
    let unit = example("cxr-verify.service");
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let machine = Machine::new(&sandbox, &all);
    sandbox.put_archive(&all[0]);
    fs::create_dir_all(sandbox.path("state/cxr")).unwrap();
    let set = |mode| {
        fs::set_permissions(sandbox.data(), fs::Permissions::from_mode(mode)).unwrap();
    };
    set(0o555);
    let (status, report) = serve(&machine, &unit);
    assert_eq!((status, &report["summary"]["missing"]), (Some(1), &1.into()));
    assert!(report["archives"][0]["detail"].is_null(), "it was read: {report}");
    let (_, report) = serve(&machine, &unit);
    let detail = report["archives"][0]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("ago, unchanged since"), "{report}");
    set(0o755);
    assert_eq!(sandbox.files("data").len(), 1, "nothing was written there");
    let noted = sandbox.files("state/cxr/cxr");
    assert!(noted.iter().any(|file| file.extension().is_some_and(|e| e == "note")), "{noted:?}");
}

/// Two small archives: patients for training in the first, and some for validation in the second.
fn two() -> [ImageArchive; 2] {
    [ImageArchive::new(1, 0..4), ImageArchive::new(2, 212..218)]
}

/// Runs a script three times at once, and asserts that together they fetch each archive once, and that
/// each trains with all images.
fn one_fetches_for_all(script: &str, are_archives_kept: bool) {
    let (sandbox, both) = (Sandbox::new(), two());
    let all = both.each_ref().map(|images| images.archive.clone());
    let machine = Machine::new(&sandbox, &all);
    machine.install("srun", "exec \"$@\"");
    machine.install("python", "exec python3 \"$@\"");
    sandbox.put("train.py", example("train.py"));
    let server = Server::with(&all);
    server.inject(Fault::Throttle { rate: 8 << 10 });
    let rules = inventory(both.iter().map(|images| (&images.archive, images.places.clone())));
    let begin = || {
        let mut command = machine.shell(script);
        command.env("CXR_FROM", server.base()).env("NIH_DATA", "data");
        command.env("CXR_FAULT_INVENTORY", &rules);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for child in [begin(), begin(), begin()] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let text = said(&output);
        assert!(text.contains("8 images for training, 2 for validation"), "{text}");
    }
    for ImageArchive { archive, images, .. } in &both {
        assert_eq!(sandbox.data().join(&archive.name).exists(), are_archives_kept);
        for (name, bytes) in images {
            assert_eq!(&fs::read(sandbox.data().join("images").join(name)).unwrap(), bytes);
        }
        let hits = server.hits_on(&archive.path()).len();
        assert_eq!(hits, 1, "{} came more than once", archive.name);
    }
}

#[test]
fn one_slurm_job_fetches_and_all_jobs_train() {
    let script = example("train.sbatch");
    let check = Command::new("bash").arg("-n").arg(path("train.sbatch")).status().unwrap();
    assert!(check.success());
    let directives = script.lines().filter(|line| line.starts_with("#SBATCH --")).count();
    // Slurm reads none after the first command.
    let before = script.lines().take_while(|line| line.is_empty() || line.starts_with('#'));
    assert!(
        directives >= 3 && before.filter(|line| line.starts_with("#SBATCH")).count() == directives
    );
    one_fetches_for_all(&script, true);
}

#[test]
fn the_tasks_of_an_array_fetch_side_by_side() {
    let (sandbox, all) = (Sandbox::new(), archives(3));
    let (machine, server) = (Machine::new(&sandbox, &all), Server::with(&all));
    let begin = |number: usize| {
        let mut command = machine.shell(&example("fetch-array.sbatch"));
        command.env("CXR_FROM", server.base()).env("NIH_DATA", "data");
        command.env("SLURM_ARRAY_TASK_ID", number.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let tasks: Vec<_> = (1..=all.len()).map(begin).collect();
    for task in tasks {
        let output = task.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
    for archive in &all {
        sandbox.assert_archive(archive);
        assert_eq!(server.hits_on(&archive.path()).len(), 1);
    }
}

#[test]
fn training_does_not_start_without_its_data() {
    let (sandbox, all) = (Sandbox::new(), archives(2));
    let machine = Machine::new(&sandbox, &all);
    machine.install("srun", "echo >trained");
    let mut command = machine.shell(&example("train.sbatch"));
    let output = command.env("CXR_FROM", Server::new().base()).env("NIH_DATA", "data").output();
    assert!(!output.unwrap().status.success());
    assert!(!sandbox.path("trained").exists());
}

#[test]
fn one_kubernetes_pod_fetches_for_all() {
    let Some(job) = yaml("kubernetes-job.yaml") else { return };
    assert_eq!((&job["apiVersion"], &job["kind"]), (&"batch/v1".into(), &"Job".into()));
    let pod = &job["spec"]["template"]["spec"];
    let (init, train) = (pod["initContainers"].as_array().unwrap(), &pod["containers"][0]);
    for (container, is_read_only) in init.iter().map(|it| (it, false)).chain([(train, true)]) {
        let mount = &container["volumeMounts"][0];
        assert_eq!(mount["name"], pod["volumes"][0]["name"]);
        assert_eq!(mount["readOnly"].as_bool().unwrap_or(false), is_read_only);
    }
    // The entry point of the image is the program, which is on no path there.
    let dockerfile =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Dockerfile")).unwrap();
    assert!(dockerfile.ends_with("ENTRYPOINT [\"/cxr\"]\n"));
    let user = dockerfile.lines().find_map(|line| line.strip_prefix("USER ")?.split_once(':'));
    assert_eq!(pod["securityContext"]["fsGroup"].to_string(), user.unwrap().1);
    let mut lines = Vec::new();
    for container in init {
        assert!(container["command"].is_null());
        lines.push(format!("cxr {}", words(&container["args"]).join(" ")));
    }
    lines.push(words(&train["command"]).join(" "));
    assert!(lines.iter().all(|line| line.contains(" /data/nih")), "{lines:?}");
    one_fetches_for_all(&lines.join("\n").replace("/data/nih", "data"), false);
}

#[test]
fn the_training_script_names_what_is_missing() {
    let sandbox = Sandbox::new();
    let train = |words: &[&str]| {
        let mut command = Command::new("python3");
        command.arg(path("train.py")).args(words).current_dir(sandbox.root());
        said(&command.output().unwrap())
    };
    sandbox.cxr(["labels", "--dir", "data"]).run().exits(0);
    assert!(train(&["data"]).contains("no images; run: cxr fetch -d data --extract"));
    sandbox.put("data/images/00000001_000.png", "<html>");
    let text = train(&["data", "--epochs", "1", "--workers", "0"]);
    assert!(text.contains("1 images for training, 0 for validation"), "{text}");
    assert!(text.contains("00000001_000.png"), "{text}");
}

#[test]
fn the_documentation_names_every_example() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scheduled-checks.md");
    let page = fs::read_to_string(page).unwrap();
    let names = fs::read_dir(path("")).unwrap().map(|entry| entry.unwrap().file_name());
    for name in names.map(|name| name.into_string().unwrap()) {
        assert!(page.contains(&format!("(examples/{name})")), "{name}");
    }
}
