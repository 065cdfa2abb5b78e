// What the reader does is remembered in the browser, and nowhere else: which pages were read, where
// the reading stopped, which answers were chosen. Without scripts the book can be read all the same.
"use strict";
(() => {
  const KEY = "ensemble-progress";
  const load = () => {
    try {
      return Object.assign({ read: {}, last: null, chosen: {} }, JSON.parse(localStorage.getItem(KEY)));
    } catch {
      return { read: {}, last: null, chosen: {} };
    }
  };
  const save = it => {
    try {
      localStorage.setItem(KEY, JSON.stringify(it));
    } catch {
      // A browser that keeps nothing still shows the book.
    }
  };
  const progress = load();
  const root = new URL(typeof path_to_root === "string" ? path_to_root : "", location.href);
  const name = url => new URL(url, location.href).pathname.slice(root.pathname.length) || "index.html";
  const here = name(location.href);

  // Pages that were read carry a mark in the table of contents.
  const mark = () => {
    for (const link of document.querySelectorAll(".sidebar a[href]")) {
      link.classList.toggle("was-read", Boolean(progress.read[name(link.href)]));
    }
  };
  const main = document.querySelector(".content main");
  if (main && document.querySelector("nav.nav-wrapper, nav.nav-wide-wrapper")) {
    const foot = document.createElement("p");
    foot.className = "read-it";
    const button = document.createElement("button");
    button.type = "button";
    const show = () => {
      const read = Boolean(progress.read[here]);
      button.setAttribute("aria-pressed", read);
      button.textContent = read ? "Read ✓" : "Mark this page as read";
    };
    button.addEventListener("click", () => {
      if (progress.read[here]) delete progress.read[here];
      else progress.read[here] = true;
      save(progress);
      show();
      mark();
    });
    show();
    foot.append(button);
    main.append(foot);
  }
  new MutationObserver(mark).observe(document.querySelector(".sidebar") || document.body, {
    childList: true,
    subtree: true,
  });
  mark();

  // The front page knows where the reader stopped.
  const goOn = document.querySelector(".go-on");
  if (goOn) {
    goOn.hidden = !progress.last;
    if (progress.last) {
      const link = goOn.querySelector("a");
      link.href = new URL(progress.last.page, root).href;
      link.textContent = progress.last.title;
    }
  } else if (here !== "print.html") {
    const title = document.querySelector(".content main h1");
    progress.last = { page: here, title: title ? title.textContent : here };
    save(progress);
  }

  // A quiz says whether the answer is right, and remembers what was chosen.
  for (const quiz of document.querySelectorAll("form.quiz")) {
    const id = `${here}#${quiz.id}`;
    const inputs = [...quiz.querySelectorAll("input")];
    const show = () => {
      for (const input of inputs) input.closest(".option").classList.toggle("chosen", input.checked);
      quiz.classList.toggle("told", inputs.some(input => input.checked));
    };
    const chosen = progress.chosen[id] || [];
    inputs.forEach((input, at) => (input.checked = chosen.includes(at)));
    show();
    quiz.addEventListener("submit", event => event.preventDefault());
    quiz.addEventListener("change", () => {
      progress.chosen[id] = inputs.flatMap((input, at) => (input.checked ? [at] : []));
      save(progress);
      show();
    });
  }

  // In a transcript, what is typed stands out from what is printed.
  for (const code of document.querySelectorAll("code.language-console")) {
    const lines = code.textContent.split("\n");
    code.replaceChildren(
      ...lines.flatMap((line, at) => {
        const end = at + 1 < lines.length ? "\n" : "";
        if (!line.startsWith("$ ")) return [line + end];
        const typed = document.createElement("span");
        typed.className = "typed";
        typed.textContent = line + end;
        return [typed];
      }),
    );
  }
})();
