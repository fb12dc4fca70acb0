// What a room's page says when something happens to her quests, and the word that it asks her for.

const SHOWN_MS = { "quest:progress": 8_000, "quest:drop": 60_000 };
const SHOWN_OTHERWISE_MS = 15_000;
const MOST_LINES = 3;
const ANSWER_WITHIN = 10_000;

// --- What is said: pure functions ----------------------------------------------------------------
// `title`, if there is one, is the link to the quest, between the other two.
export function lineOf(event, data) {
  const { title } = data;
  switch (event) {
    case "quest:completed":
      return { before: "Quest completed: ", title, after: data.held ? ", paid after a review" : `, +${data.xpEarned} XP` };
    case "level:up":
      return { before: `You have reached level ${data.level}.` };
    case "quest:progress":
      return { before: "", title, after: `, ${data.stepTitle}: ${data.seen} of ${data.needed}` };
    case "quest:drop":
      return { before: data.left ? `${data.left} of ${data.total} places left: ` : "No places left: ", title, after: "" };
  }
}

export const questionOf = ({ title, word }) => `${title}: still there? Type the word ${word}`;

export const secondsLeft = (expiresAt, now) => Math.max(0, Math.ceil((Date.parse(expiresAt) - now) / 1_000));

export function outcomeOf(status, answer) {
  if (status !== 200) return answer.detail ?? "It could not be sent. Try again.";
  if (answer.state === "wrong") return `That is not the word.${answer.triesLeft ? ` Tries left: ${answer.triesLeft}.` : ""}`;
  return "Thank you, you were seen.";
}

// Places only ever go: news that comes late does not bring them back.
export function fewest(known, { questNumber, left }) {
  return Math.min(left, known.get(questNumber) ?? Infinity);
}

// --- On the page ---------------------------------------------------------------------------------
export class QuestNews {
  static events = ["quest:completed", "quest:progress", "quest:drop", "level:up"];
  #list;
  #room;
  #left = new Map(); // by quest
  #lines = new Map(); // by what they are about: { element, timer }

  constructor({ list, room }) {
    this.#list = list;
    this.#room = room;
  }

  hear(event, data) {
    if (event === "quest:drop") {
      if (data.room && data.room !== this.#room) return;
      const left = fewest(this.#left, data);
      this.#left.set(data.questNumber, left);
      data = { ...data, left };
    }
    // A room has one line for places, a quest one for each other kind of news.
    const about = event === "quest:drop" ? event : `${event} ${data.questNumber ?? ""}`;
    this.#show(about, event, lineOf(event, data), data.questNumber);
  }

  #show(about, event, { before, title, after }, quest) {
    this.#remove(about);
    const element = document.createElement("p");
    element.dataset.event = event;
    element.append(before);
    if (title) element.append(linkTo(quest, title), after);
    this.#list.append(element);
    const timer = setTimeout(() => this.#remove(about), SHOWN_MS[event] ?? SHOWN_OTHERWISE_MS);
    this.#lines.set(about, { element, timer });
    if (this.#lines.size > MOST_LINES) this.#remove(this.#lines.keys().next().value);
  }

  #remove(about) {
    const line = this.#lines.get(about);
    if (!line) return;
    clearTimeout(line.timer);
    line.element.remove();
    this.#lines.delete(about);
  }
}

function linkTo(quest, title) {
  const link = document.createElement("a");
  link.href = `/quests/${Number(quest)}`;
  link.textContent = title;
  return link;
}

// `quest:challenge`: it is there until it is answered or its time is over, and takes no focus.
export class Challenge {
  #form;
  #question;
  #wait;
  #result;
  #csrf;
  #asked = null;
  #ticking;

  constructor({ form, result, csrf }) {
    this.#form = form;
    [this.#question, this.#wait] = ["question", "wait"].map((part) => form.querySelector(`#challenge-${part}`));
    this.#result = result;
    this.#csrf = csrf;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  hear(asked) {
    const isOther = this.#asked?.questNumber !== asked.questNumber || this.#asked.word !== asked.word;
    this.#asked = asked;
    if (isOther) this.#form.reset();
    this.#question.textContent = questionOf(asked);
    this.#form.hidden = false;
    // Of what is hidden until now a screen reader says nothing by itself.
    this.#say(questionOf(asked));
    clearInterval(this.#ticking);
    this.#ticking = setInterval(() => this.#tick(), 1_000);
    this.#tick();
  }

  #tick() {
    const left = secondsLeft(this.#asked.expiresAt, Date.now());
    this.#wait.textContent = `${left} s left`;
    if (!left) this.#end("The time for the word is over.");
  }

  async #send() {
    const asked = this.#asked;
    const { status, answer } = await put(asked, this.#form.elements.answer.value.trim(), this.#csrf());
    if (asked !== this.#asked) return; // another was asked meanwhile, or the time is over
    const outcome = outcomeOf(status, answer);
    if (status === 200 && answer.state !== "wrong") this.#end(outcome);
    else this.#say(outcome);
  }

  #end(text) {
    clearInterval(this.#ticking);
    this.#asked = null;
    this.#form.hidden = true;
    this.#say(text);
    setTimeout(() => this.#asked || this.#say(""), SHOWN_OTHERWISE_MS);
  }

  #say(text) {
    this.#result.classList.toggle("visually-hidden", this.#asked !== null && text === questionOf(this.#asked));
    this.#result.textContent = text;
  }
}

// What came of it; without a status when nothing came.
async function put({ questNumber, stepId }, word, csrf) {
  try {
    const answer = await fetch(`/api/progress/update/${Number(questNumber)}`, {
      method: "PUT",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
      body: JSON.stringify({ stepId, answer: word }),
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    });
    return { status: answer.status, answer: await answer.json() };
  } catch {
    return { answer: {} };
  }
}
