//! A thread goes on in a later process.

use agent_testkit::{Scene, ScriptedModel};

const AGENT: &str = env!("CARGO_BIN_EXE_agent");

fn remembers() -> ScriptedModel {
    ScriptedModel::new().says("I remember 7.").says("It was 7.")
}

#[tokio::test]
async fn the_last_thread_of_this_directory_goes_on() {
    let server = remembers().serve();
    let scene = Scene::new(AGENT).facing(&server);
    let first = scene.run(&["exec", "--json", "remember 7"]).await.succeeded();
    let then = scene.run(&["exec", "--json", "resume", "--last", "what was it?"]).await.succeeded();
    let id = |run: &agent_testkit::Finished| run.event("thread.started")["thread_id"].clone();
    assert_eq!(id(&first), id(&then));
    assert_eq!(then.event("thread.started")["resumed_from"], id(&first));
    assert_eq!(then.event("turn.completed")["final_message"], "It was 7.");
    assert_eq!(scene.rollouts().len(), 1);
}

#[tokio::test]
async fn a_thread_is_found_by_the_beginning_of_its_id_and_by_its_name() {
    let server = ScriptedModel::new().says("One.").says("Two.").says("Three.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let run = scene.run(&["exec", "--json", "remember 7"]).await.succeeded();
    let id = run.event("thread.started")["thread_id"].as_str().unwrap().to_owned();
    scene.run(&["exec", "resume", &id[..13], "go on"]).await.succeeded();
    scene.run(&["threads", "name", &id, "seven"]).await.succeeded();
    scene.run(&["exec", "resume", "seven", "go on"]).await.succeeded();
    assert_eq!(scene.rollouts().len(), 1);
}

#[tokio::test]
async fn without_an_earlier_thread_a_new_one_begins() {
    let server = ScriptedModel::new().says("Hello.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    scene.run(&["exec", "resume", "--last", "hi"]).await.succeeded();
    assert_eq!(scene.rollouts().len(), 1);
}

#[tokio::test]
async fn where_the_last_thread_cannot_be_read_it_is_said_which_is_taken() {
    let server = ScriptedModel::new().says("One.").says("Two.").says("Three.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    let first = scene.run(&["exec", "--json", "remember 7"]).await.succeeded();
    let id = first.event("thread.started")["thread_id"].as_str().unwrap().to_owned();
    let folder = scene.rollouts()[0].parent().unwrap().with_file_name("0a02");
    std::fs::create_dir(&folder).unwrap();
    let rollout = folder.join("rollout.jsonl");
    std::fs::write(&rollout, "{\"format\":999}\n").unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    std::fs::File::open(&rollout).unwrap().set_modified(later).unwrap();
    let reason = format!(
        "note: passed over the thread 0a02 ({} is of format 999; this version reads up to 1): ",
        rollout.display()
    );
    let taken = format!("{reason}the last that can be read is {id} (remember 7)\n");
    let then = scene.run(&["exec", "--json", "resume", "--last", "go on"]).await.succeeded();
    assert_eq!(then.event("thread.started")["thread_id"], id);
    assert_eq!(then.stderr, taken);
    assert_eq!(scene.run(&["threads", "show", "--last"]).await.succeeded().stderr, taken);
    scene.run(&["threads", "rm", &id]).await.succeeded();
    let shown = scene.run(&["threads", "show", "--last"]).await;
    assert_eq!(shown.code, Some(1));
    assert!(shown.stderr.contains("is of format 999"), "{}", shown.stderr);
    let new = scene.run(&["exec", "resume", "--last", "go on"]).await.succeeded();
    assert!(new.stderr.starts_with(&format!("{reason}a new one begins\n")), "{}", new.stderr);
}

#[tokio::test]
async fn what_is_ephemeral_leaves_nothing() {
    let server = ScriptedModel::new().says("Hello.").serve();
    let scene = Scene::new(AGENT).facing(&server);
    scene.run(&["exec", "--ephemeral", "hi"]).await.succeeded();
    assert!(scene.rollouts().is_empty());
}

#[tokio::test]
async fn a_rollout_cut_at_any_byte_of_its_last_record_is_gone_on_with() {
    let server = remembers().serve();
    let scene = Scene::new(AGENT).facing(&server);
    scene.run(&["exec", "remember 7"]).await.succeeded();
    let path = &scene.rollouts()[0];
    let whole = std::fs::read(path).unwrap();
    std::fs::write(path, &whole[..whole.len() - 20]).unwrap();
    let run = scene.run(&["exec", "resume", "--last", "what was it?"]).await.succeeded();
    assert_eq!(run.stdout, "It was 7.\n");
}
