"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const steps = [...document.querySelectorAll("details.step")];
  const element = (name, text, type) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (type) made.className = type;
    return made;
  };
  const openAll = () => document.querySelectorAll("details").forEach((each) => { each.open = true; });
  addEventListener("beforeprint", openAll);
  const openTarget = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", openTarget);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#step-']");
    if (link) setTimeout(openTarget);
  });
  openTarget();
  if ($("open-all")) {
    $("open-all").hidden = false;
    $("open-all").addEventListener("click", () => steps.forEach((each) => { each.open = true; }));
  }
  if (!data.topology) return;

  // --- the picture, step by step -------------------------------------------------------------------
  const within = (frames, frame) => frames.split(" ").some((run) => {
    const [first, last] = run.split("-");
    return run && +first <= frame && frame <= +(last || first);
  });
  const live = document.querySelector("svg.live");
  const lines = [...live.querySelectorAll(".line")].map((path) => ({
    path, frames: path.dataset.f, ends: path.dataset.e.split(" ").map(Number),
  }));
  const stubs = [...live.querySelectorAll(".stub")];
  const boxes = [...live.querySelectorAll(".box")];
  const band = live.querySelector(".band");
  const group = live.querySelector(".lines");
  let place = 0, selected = null, node = null, playing = 0;

  const frameAt = (index) => index ? data.steps[index - 1].frame : 0;
  const show = () => {
    const frame = frameAt(place), before = place ? frameAt(place - 1) : frame;
    for (const line of lines) {
      const on = within(line.frames, frame), was = within(line.frames, before);
      const own = selected !== null && line.ends.includes(selected) && on;
      line.path.classList.toggle("on", on);
      line.path.classList.toggle("new", on && !was);
      line.path.classList.toggle("gone", !on && was);
      line.path.classList.toggle("own", own);
    }
    for (const stub of stubs) stub.classList.toggle("on", within(stub.dataset.m, frame));
    for (const box of boxes) {
      if (!box.classList.contains("outside")) {
        const reflects = within(box.dataset.r, frame);
        box.classList.toggle("reflector", reflects);
        box.classList.toggle("clients", !reflects);
        box.classList.toggle("meshed", within(box.dataset.m, frame));
      }
      box.classList.toggle("selected", +box.dataset.box === selected);
      box.setAttribute("aria-pressed", String(+box.dataset.box === selected));
    }
    group.parentNode.classList.toggle("picking", selected !== null);
    group.classList.toggle("picked", selected !== null);
    const facts = data.frames[frame];
    band.classList.toggle("off", !facts.mesh.startsWith("full"));
    band.querySelector("text").textContent = facts.mesh;
    $("place").value = place;
    const step = place && data.steps[place - 1];
    const what = step ? `Step ${step.numbers} of ${lastNumber}: ${step.summary}` : "Before the first step";
    const sessions = `${facts.sessions.toLocaleString("en")} sessions`;
    $("place").setAttribute("aria-valuetext", what);
    $("place-text").textContent = `${what}. ${sessions}; ${facts.mesh}.`;
    $("back").disabled = place === 0;
    $("forth").disabled = place === data.steps.length;
    showStep();
    showNodes();
  };
  const lastNumber = data.steps.length ? data.steps[data.steps.length - 1].numbers.split(" ").pop() : "0";
  const showStep = () => {
    const panel = $("step-panel");
    panel.replaceChildren();
    if (!place) {
      panel.append(element("h4", "Before the first step"), element("p", "Move the slider, or press Next, to walk the steps: sessions that come are green, sessions that go are red and dashed."));
      return;
    }
    panel.append(element("h4", `Step ${data.steps[place - 1].numbers}: ${data.steps[place - 1].summary}`));
    const facts = steps[place - 1].querySelector(".facts").cloneNode(true);
    panel.append(facts);
    panel.scrollTop = 0;
  };
  const go = (index) => {
    place = Math.max(0, Math.min(data.steps.length, index));
    show();
  };
  const stop = () => {
    clearInterval(playing);
    playing = 0;
    $("play").textContent = "Play";
    $("play").setAttribute("aria-pressed", "false");
  };
  $("place").addEventListener("input", (event) => { stop(); go(+event.target.value); });
  $("back").addEventListener("click", () => { stop(); go(place - 1); });
  $("forth").addEventListener("click", () => { stop(); go(place + 1); });
  $("play").addEventListener("click", () => {
    if (playing) { stop(); return; }
    if (place === data.steps.length) go(0);
    $("play").textContent = "Pause";
    $("play").setAttribute("aria-pressed", "true");
    playing = setInterval(() => { if (place === data.steps.length) stop(); else go(place + 1); }, 900);
  });

  // --- nodes and their sessions ---------------------------------------------------------------------
  const groups = data.topology.groups;
  const holder = new Map();
  groups.forEach((each, index) => each.names.forEach((name) => holder.set(name, index)));
  const named = (index, but) => {
    const names = groups[index].names.filter((name) => name !== but);
    const zone = groups[index].zone ? ` of ${groups[index].zone}` : "";
    return names.length <= 3 ? names.join(", ") : `${names.length.toLocaleString("en")} nodes${zone}, such as ${names[0]}`;
  };
  const sessionsOf = (index, name) => {
    const frame = frameAt(place), rows = new Map();
    const add = (peer, kind, family, count, frames) => {
      if (!count) return;
      const row = rows.get(peer + kind) || { peer, kind, count, families: [], frames };
      row.families.push(family);
      rows.set(peer + kind, row);
    };
    for (const [family, members] of Object.entries(data.topology.mesh[frame])) {
      if (members.includes(index)) {
        const count = members.reduce((sum, each) => sum + groups[each].names.length, 0) - 1;
        add(`every other node of the mesh (${count.toLocaleString("en")})`, "full mesh", family, count, "");
      }
    }
    for (const [here, there, family, frames] of data.topology.lines) {
      if ((here !== index && there !== index) || !within(frames, frame)) continue;
      const other = here === index ? there : here;
      const count = groups[other].names.length - (other === index ? 1 : 0);
      const reflects = [index, other].map((each) => within(groups[each].rr, frame));
      const kind = reflects[0] && reflects[1] ? "between reflectors" : reflects[1] ? "its reflector" : reflects[0] ? "its client" : "peer";
      add(named(other, name), kind, family, count, frames);
    }
    for (const [here, speaker, family, frames] of data.topology.outside) {
      if (here === index && within(frames, frame)) add(speaker, "outside the cluster", family, 1, frames);
    }
    return [...rows.values()];
  };
  const table = (index, name) => {
    const rows = sessionsOf(index, name);
    if (!data.topology.known) return element("p", "There are too many sessions for this file; rrplan sessions --node NAME lists those of a node.");
    if (!rows.length) return element("p", "No session at this step.");
    const made = element("table"), head = element("tr"), body = element("tbody");
    for (const title of ["With", "As", "Families"]) {
      const cell = element("th", title);
      cell.scope = "col";
      head.append(cell);
    }
    for (const row of rows) {
      const line = element("tr");
      line.append(element("td", row.peer), element("td", row.kind), element("td", row.families.join(", ")));
      body.append(line);
    }
    const top = element("thead");
    top.append(head);
    made.append(top, body);
    return made;
  };
  const MOST = 200;
  const showNodes = () => {
    if (selected === null) return;
    const panel = $("node-panel"), own = groups.map((each, index) => index).filter((index) => groups[index].box === selected);
    panel.replaceChildren();
    if (!own.length) {
      panel.append(element("h4", boxes.find((box) => +box.dataset.box === selected).getAttribute("aria-label")));
      const near = data.topology.outside.filter(([, , , frames]) => within(frames, frameAt(place)));
      const title = panel.firstChild.textContent;
      const rows = near.filter(([, speaker]) => title.startsWith(speaker)).map(([here, , family]) => `${named(here)} (${family})`);
      const list = element("ul");
      [...new Set(rows)].forEach((text) => list.append(element("li", text)));
      panel.append(list);
      return;
    }
    const names = own.flatMap((index) => groups[index].names);
    const zone = groups[own[0]].zone;
    panel.append(element("h4", names.length === 1 ? names[0] : `${names.length.toLocaleString("en")} nodes${zone ? ` of ${zone}` : ""}`));
    if (names.length > 1) {
      const list = element("ul", undefined, "names");
      list.setAttribute("aria-label", "Nodes");
      for (const name of names.slice(0, MOST)) {
        const item = element("li"), button = element("button", name);
        button.type = "button";
        button.setAttribute("aria-pressed", String(name === node));
        button.addEventListener("click", () => { node = name === node ? null : name; showNodes(); refocus(name); });
        item.append(button);
        list.append(item);
      }
      panel.append(list);
      if (names.length > MOST) panel.append(element("p", `${(names.length - MOST).toLocaleString("en")} more; “Find a node” finds each of them.`, "soft"));
    }
    if (node === null && own.length > 1) {
      panel.append(element("p", "These nodes are of several kinds; select one for its sessions."));
      return;
    }
    const index = node === null ? own[0] : holder.get(node);
    const whose = node !== null ? `Sessions of ${node}` : names.length > 1 ? "Sessions of each of them" : "Its sessions";
    panel.append(element("h4", whose), table(index, node || groups[index].names[0]));
  };
  const refocus = (name) => {
    const button = [...$("node-panel").querySelectorAll(".names button")].find((each) => each.textContent === name);
    if (button) button.focus();
  };
  const select = (number, name) => {
    selected = number === selected && !name ? null : number;
    node = name || null;
    if (selected === null) $("node-panel").replaceChildren(element("p", "Nothing is selected.", "soft"));
    show();
  };
  const focusBox = (box) => {
    boxes.forEach((each) => each.setAttribute("tabindex", each === box ? "0" : "-1"));
    box.focus();
  };
  boxes.forEach((box, index) => {
    box.addEventListener("click", () => { select(+box.dataset.box); boxes.forEach((each) => each.setAttribute("tabindex", each === box ? "0" : "-1")); });
    box.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); select(+box.dataset.box); }
      else if (event.key === "Escape") { select(selected); }
      else if (move) { event.preventDefault(); focusBox(boxes[(index + move + boxes.length) % boxes.length]); }
    });
  });
  document.querySelector(".find").addEventListener("submit", (event) => event.preventDefault());
  const allNames = [...holder.keys()];
  $("find").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase(), list = $("found");
    list.replaceChildren();
    if (!wanted) return;
    for (const name of allNames.filter((each) => each.toLowerCase().includes(wanted)).slice(0, 12)) {
      const item = element("li"), button = element("button", name);
      button.type = "button";
      button.addEventListener("click", () => select(groups[holder.get(name)].box, name));
      item.append(button);
      list.append(item);
    }
    if (!list.children.length) list.append(element("li", "no such node"));
  });
  document.querySelector(".live-part").hidden = false;
  show();
})();
