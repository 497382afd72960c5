"use strict";
{
  const study = JSON.parse(document.getElementById("study").textContent);
  const at = id => document.getElementById(id);
  const kept = "wuerst-study-" + study.study;
  // A faster choice is a slip of the finger.
  const shortest = 400;

  // Random numbers in 0..1 that depend on the voter alone (xorshift).
  const generator = seed => {
    let x = seed | 0 || 1;
    return () => {
      x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
      return (x >>> 0) / 2 ** 32;
    };
  };

  const shuffled = (list, random) => {
    const all = [...list];
    for (let i = all.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [all[i], all[j]] = [all[j], all[i]];
    }
    return all;
  };

  // The trials of a voter: pairs and checks in an order of the voter's own, some pairs of the first half again later with
  // swapped sides.
  const plan = voter => {
    const random = generator(parseInt(voter.slice(0, 8), 16));
    const swapped = parseInt(voter.at(-1), 16) % 2 === 1;
    const pairs = shuffled(study.pairs, random).slice(0, study.per_voter);
    const extra = Math.ceil(pairs.length * study.extra);
    const trial = (pair, repeat) => {
      const [first, second] = pair.pictures;
      const turned = swapped !== repeat;
      return { pair, repeat, left: turned ? second : first, right: turned ? first : second };
    };
    const checks = shuffled(study.checks, random).slice(0, extra);
    const trials = shuffled([...pairs, ...checks], random).map(pair => trial(pair, false));
    const half = Math.floor(trials.length / 2);
    const early = trials.slice(0, half).map(trial => trial.pair).filter(pair => !study.checks.includes(pair));
    for (const pair of shuffled(early, random).slice(0, extra)) {
      trials.splice(half + Math.floor(random() * (trials.length - half + 1)), 0, trial(pair, true));
    }
    return trials;
  };

  const newVoter = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    return Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
  };

  const restored = () => {
    try {
      const state = JSON.parse(localStorage.getItem(kept));
      if (state && /^[0-9a-f]{16}$/.test(state.voter) && Array.isArray(state.votes)) return state;
    } catch { /* Damaged or forbidden: a new voter. */ }
    return { voter: newVoter(), votes: [] };
  };

  const state = restored();
  const trials = plan(state.voter);
  let since = 0;

  const keep = () => {
    try {
      localStorage.setItem(kept, JSON.stringify(state));
    } catch {
      at("trouble").textContent = "This browser keeps no progress: save your answers before you close the page.";
      at("trouble").hidden = false;
    }
  };

  const show = section => {
    for (const id of ["welcome", "vote", "end"]) at(id).hidden = id !== section;
  };

  const say = text => { at("status").textContent = text; };

  const decoded = trial => Promise.all([trial.left, trial.right].map(id => {
    const image = new Image();
    image.src = study.images[id];
    return image.decode().catch(() => {});
  }));

  const next = async () => {
    const done = state.votes.length;
    if (done >= trials.length) return finish();
    const trial = trials[done];
    since = Infinity;
    await decoded(trial);
    if (state.votes.length !== done) return;
    show("vote");
    for (const side of ["left", "right"]) at(side).firstElementChild.src = study.images[trial[side]];
    at("prompt").textContent = trial.pair.text;
    at("place").textContent = `Pair ${done + 1} of ${trials.length}`;
    at("progress").max = trials.length;
    at("progress").value = done;
    at("undo").disabled = done === 0;
    say(`Pair ${done + 1} of ${trials.length}: ${trial.pair.text}`);
    // No button is chosen beforehand; the heading comes before them in the tab order.
    at("prompt").focus();
    since = performance.now();
    if (trials[done + 1]) decoded(trials[done + 1]);
  };

  const choose = choice => {
    const ms = Math.round(performance.now() - since);
    if (at("vote").hidden || since === Infinity) return;
    if (ms < shortest) return say("Please look at both pictures first.");
    const trial = trials[state.votes.length];
    const { pair, left, repeat } = trial;
    state.votes.push({ pair: pair.id, prompt: pair.prompt, left, choice, ms, at: new Date().toISOString(), repeat });
    keep();
    next();
  };

  const undo = () => {
    if (at("vote").hidden || !state.votes.length) return;
    state.votes.pop();
    keep();
    next();
  };

  const finish = () => {
    show("end");
    const all = state.votes.length >= trials.length;
    at("thanks").textContent = all ? "Thank you, that was the last pair." : `You answered ${state.votes.length} pairs.`;
    at("thanks").focus();
    say("");
  };

  // Tells edited or torn files from whole ones (CRC-32); no protection against forgers, who can read this page.
  const crc = text => {
    let sum = -1;
    for (const byte of new TextEncoder().encode(text)) {
      sum ^= byte;
      for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >>> 1 ^ 0xedb88320 : sum >>> 1;
    }
    return ((sum ^ -1) >>> 0).toString(16).padStart(8, "0");
  };

  const columns = ["pair", "prompt", "left", "choice", "ms", "at", "repeat"];

  const rows = () => state.votes.map(vote => columns.map(name => String(vote[name])));

  const ballot = () => {
    const { voter, votes } = state;
    const text = [study.study, voter, ...rows().map(row => row.join(" "))].join("\n");
    return JSON.stringify({ ballot: 1, study: study.study, voter, votes, seal: crc(text) }, null, 1) + "\n";
  };

  const table = () => {
    const lines = rows().map(row => [study.study, state.voter, ...row].join(","));
    return [["study", "voter", ...columns].join(","), ...lines].join("\r\n") + "\r\n";
  };

  const save = (text, ending, type) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = `votes-${study.study}-${state.voter}.${ending}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  for (const choice of ["left", "right", "neither"]) at(choice).addEventListener("click", () => choose(choice));
  at("undo").addEventListener("click", undo);
  at("stop").addEventListener("click", finish);
  at("back").addEventListener("click", () => {
    if (state.votes.length >= trials.length) state.votes.pop();
    keep();
    next();
  });
  at("json").addEventListener("click", () => save(ballot(), "json", "application/json"));
  at("csv").addEventListener("click", () => save(table(), "csv", "text/csv"));
  at("start").addEventListener("click", () => { keep(); next(); });

  const keys = { ArrowLeft: "left", ArrowRight: "right", ArrowDown: "neither", " ": "neither" };
  document.addEventListener("keydown", event => {
    if (at("vote").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
    // Space presses the button that has the focus.
    if (event.key === " " && document.activeElement instanceof HTMLButtonElement) return;
    if (keys[event.key]) {
      event.preventDefault();
      // A key that is held down chooses once.
      if (!event.repeat) choose(keys[event.key]);
    } else if (event.key === "Backspace") {
      event.preventDefault();
      if (!event.repeat) undo();
    }
  });

  at("count").textContent = String(trials.length);
  at("start").textContent = state.votes.length ? `Go on with pair ${state.votes.length + 1}` : "Start";
  if (state.votes.length && state.votes.length >= trials.length) finish(); else show("welcome");
}
