// Walks through a report as its reader does: each category, each result, each caption. What it
// sees goes into an element of the page, from where check_report.py reads it.
"use strict";

(async () => {
    const pause = () => new Promise((resolve) => setTimeout(resolve, 50));
    const widthOf = async (source) => {
        const image = [...document.querySelectorAll("#app img")].find(
            (shown) => shown.src === source);
        if (image && !image.complete) {
            await new Promise((resolve) => { image.onload = image.onerror = resolve; });
        }
        return image ? image.naturalWidth : 0;
    };
    while (!app) {
        await pause();  // the page draws itself after its scripts have run
    }
    const first = document.querySelector("#app .prose img");
    const visits = [{ width: first ? await widthOf(first.src) : 0 }];
    for (const [category, subcategories] of Object.entries(categories)) {
        app.setView({ navbarMode: "menu" });
        await pause();
        const entry = [...document.querySelectorAll("#app a")].find(
            (link) => link.textContent.trim() === category);
        entry.click();
        await pause();
        for (const path of Object.values(subcategories).flat()) {
            const result = results[path];
            const isImage = result.mime_type.startsWith("image/");
            app.setView({ content: isImage ? "img" : "html", contentPath: result.data_uri });
            await pause();
            const width = isImage ? await widthOf(result.data_uri) : null;
            app.showResultInfo(path);
            await pause();
            const [head, body] = result.data_uri.split(",", 2);
            visits.push({
                category,
                path,
                title: Object.values(result.labels ?? {}).join(", ") || path,
                width,
                caption: document.querySelector("#app .prose")?.textContent.trim() ?? "",
                page: isImage ? null : head.endsWith("base64") ? atob(body) : decodeURIComponent(body),
            });
        }
    }
    const seen = document.createElement("pre");
    seen.id = "visits";
    seen.textContent = JSON.stringify(visits);
    document.body.append(seen);
})();
