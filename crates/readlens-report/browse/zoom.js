// Which part of a window is looked at, and how it is moved: by buttons, keys and the pointer.

// Bases that can be looked at closest.
const CLOSEST = 20;

class Zoom {
  /** `length` is the window's; `moved` is called after each change. */
  constructor(length, moved) {
    Object.assign(this, { length, moved, from: 0, to: length });
  }

  /** Looks at `span` bases with `centre` in the middle, as far as the window goes. */
  look(centre, span) {
    const bases = Math.min(Math.max(Math.round(span), CLOSEST), this.length);
    const from = Math.round(centre - bases / 2);
    this.from = Math.min(Math.max(from, 0), this.length - bases);
    this.to = this.from + bases;
    this.moved();
  }

  centre() {
    return (this.from + this.to) / 2;
  }

  span() {
    return this.to - this.from;
  }

  scale(factor) {
    this.look(this.centre(), this.span() * factor);
  }

  /** Moves by a fraction of what is seen. */
  shift(fraction) {
    const bases = Math.max(Math.round(this.span() * Math.abs(fraction)), 1) * Math.sign(fraction);
    this.look(this.centre() + bases, this.span());
  }

  /** What a key does; false where it does nothing. */
  key(key) {
    const acts = {
      ArrowLeft: () => this.shift(-0.25),
      ArrowRight: () => this.shift(0.25),
      PageUp: () => this.shift(-0.9),
      PageDown: () => this.shift(0.9),
      "+": () => this.scale(0.5),
      "=": () => this.scale(0.5),
      ArrowUp: () => this.scale(0.5),
      "-": () => this.scale(2),
      ArrowDown: () => this.scale(2),
      0: () => this.look(this.length / 2, this.length),
      Home: () => this.look(0, this.span()),
      End: () => this.look(this.length, this.span()),
    };
    acts[key]?.();
    return key in acts;
  }
}

/** Lets the pointer on `svg` choose what is looked at; a track of the whole window. */
function dragged(svg, zoom) {
  const centre = (event) => {
    const box = svg.getBoundingClientRect();
    zoom.look(((event.clientX - box.left) / box.width) * zoom.length, zoom.span());
  };
  svg.addEventListener("pointerdown", (event) => {
    svg.setPointerCapture(event.pointerId);
    centre(event);
  });
  svg.addEventListener("pointermove", (event) => {
    if (svg.hasPointerCapture(event.pointerId)) centre(event);
  });
}
