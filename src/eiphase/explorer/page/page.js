"use strict";

async function open() {
  const text = (id) => document.getElementById(id).textContent;
  const map = withArrays(JSON.parse(text("header")), await inflated(text("numbers")));
  document.getElementById("main").textContent = map.title;
}

open();
