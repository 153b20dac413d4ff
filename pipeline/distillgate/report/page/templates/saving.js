{
  const { teacher, student, once } = Object.fromEntries(
    Object.entries($("saving-box").dataset).map(([name, value]) => [name, Number(value)]));
  const dollars = (value) => {
    const size = Math.abs(value), digits = size === 0 || size >= 0.095 ? 2 : 4;
    const shown = size.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return `${value < 0 ? "-" : ""}$${shown}`;
  };
  const paid = (months) => {
    const days = Math.ceil(30 * months);
    return days > 60 ? `${months.toFixed(1)} months` : days > 1 ? `${days} days` : "a day";
  };
  const show = () => {
    const monthly = Math.max(0, Number($("calls").value)) * (teacher - student) / 1000;
    $("saved-monthly").textContent = dollars(monthly);
    $("saved-yearly").textContent = dollars(12 * monthly);
    $("saved-paid").textContent = monthly > 0 ? paid(once / monthly) : "never";
    $("saving-box").classList.toggle("loss", monthly < 0);
  };
  $("calls").addEventListener("input", show);
  show();
}
